package org.example;

import java.util.List;

/** A shape with corners. */
public class Polygon implements Shape {
    private final List<Point> corners;

    /** Takes the corners in order, in either direction; fewer than three of them make no polygon at all. */
    public Polygon(List<Point> corners) {
        if (corners.size() < 3) {
            throw new IllegalArgumentException("a polygon has three corners or more");
        }
        this.corners = List.copyOf(corners);
    }

    /** The area by the shoelace formula, always positive, for polygons whose sides do not cross each other. */
    @Override
    public double area() {
        double twice = 0;
        for (int i = 0; i < corners.size(); i++) {
            Point a = corners.get(i);
            Point b = corners.get((i + 1) % corners.size());
            twice += a.x() * b.y() - b.x() * a.y();
        }
        return Math.abs(twice) / 2;
    }

    enum Side { LEFT, RIGHT }
}
