#include <vector>

namespace geometry {

/// A point in the plane.
template <typename T>
struct Point {
    T x, y;
    Point<T> operator+(const Point<T>& other) const { return {x + other.x, y + other.y}; }
};

class Path {
public:
    void add(Point<double> point);
    double length() const;

private:
    std::vector<Point<double>> points_;
};

}  // namespace geometry

// Adds a point to the end of the path, and forgets what was computed of it before; the length is computed again
// when somebody asks for it the next time.
void geometry::Path::add(Point<double> point) {
    points_.push_back(point);
    cached_length_ = -1.0;
    changed_ = true;
    if (listener_) {
        listener_->path_changed(*this);
    }
}
