//! Pictures of a run's losses: for the terminal and as SVG.

use super::Metric;
use std::fmt::Write;

/// Rows and columns of the terminal's picture.
const HEIGHT: usize = 12;
const WIDTH: usize = 64;

/// Size of the SVG, and the room for its labels.
const SVG: (f64, f64) = (720.0, 360.0);
const MARGIN: (f64, f64) = (56.0, 36.0);

/// One loss over the steps.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Training loss, as the mean of some steps around each, and validation loss. A step sees few examples: its own loss
/// says more of them than of the run.
fn lines(history: &[Metric]) -> [Line; 2] {
    let points = |get: fn(&Metric) -> Option<f64>| -> Vec<(f64, f64)> {
        history.iter().filter_map(|m| get(m).map(|loss| (m.step as f64, loss))).collect()
    };
    let raw = points(|m| m.loss);
    let around = raw.len() / 24;
    let name = match around {
        0 => "training loss".to_owned(),
        _ => format!("training loss (mean of {} steps)", 2 * around + 1),
    };
    [
        Line { name, points: smooth(&raw, around) },
        Line { name: "validation loss".to_owned(), points: points(|m| m.valid_loss) },
    ]
}

/// Each loss as the mean of up to so many before and after it.
fn smooth(points: &[(f64, f64)], around: usize) -> Vec<(f64, f64)> {
    let mean = |at: usize| {
        let near = &points[at.saturating_sub(around)..(at + around + 1).min(points.len())];
        near.iter().map(|(_, loss)| loss).sum::<f64>() / near.len() as f64
    };
    points.iter().enumerate().map(|(at, (step, _))| (*step, mean(at))).collect()
}

/// Ranges of steps and losses, a little wider than the points; `None` without points.
fn ranges(lines: &[Line]) -> Option<((f64, f64), (f64, f64))> {
    let all = || lines.iter().flat_map(|line| &line.points);
    all().next()?;
    let range = |get: fn(&(f64, f64)) -> f64| {
        let low = all().map(get).fold(f64::INFINITY, f64::min);
        let high = all().map(get).fold(f64::NEG_INFINITY, f64::max);
        (low, if high > low { high } else { low + 1.0 })
    };
    Some((range(|p| p.0), range(|p| p.1)))
}

/// The losses drawn with letters: `·` for training, `o` for validation.
pub fn terminal(history: &[Metric]) -> String {
    let lines = lines(history);
    let Some((steps, losses)) = ranges(&lines) else { return String::new() };
    let mut rows = vec![vec![' '; WIDTH]; HEIGHT];
    for (line, mark) in lines.iter().zip(['·', 'o']) {
        for &(step, loss) in &line.points {
            let x = ((step - steps.0) / (steps.1 - steps.0) * (WIDTH - 1) as f64).round() as usize;
            let y = ((losses.1 - loss) / (losses.1 - losses.0) * (HEIGHT - 1) as f64).round() as usize;
            rows[y][x] = mark;
        }
    }
    let mut text = String::new();
    for (y, row) in rows.iter().enumerate() {
        let label = losses.1 - (losses.1 - losses.0) * y as f64 / (HEIGHT - 1) as f64;
        let row: String = row.iter().collect();
        let _ = writeln!(text, "{label:8.3} │{}", row.trim_end());
    }
    let _ = writeln!(text, "{:8} └{}", "", "─".repeat(WIDTH));
    let end = format!("step {}", steps.1);
    let _ =
        writeln!(text, "{:10}{:<width$}{end}", "", format!("step {}", steps.0), width = WIDTH - end.len());
    let _ = writeln!(text, "{:10}· {}   o {}", "", lines[0].name, lines[1].name);
    text
}

/// The losses as an SVG picture that needs nothing else.
pub fn svg(history: &[Metric]) -> String {
    let lines = lines(history);
    let (w, h) = SVG;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{w}\" height=\"{h}\" fill=\"white\"/>\n"
    );
    if let Some((steps, losses)) = ranges(&lines) {
        let x = |step: f64| MARGIN.0 + (step - steps.0) / (steps.1 - steps.0) * (w - 1.5 * MARGIN.0);
        let y = |loss: f64| MARGIN.1 + (losses.1 - loss) / (losses.1 - losses.0) * (h - 2.0 * MARGIN.1);
        for tick in 0..=4 {
            let loss = losses.0 + (losses.1 - losses.0) * f64::from(tick) / 4.0;
            let (x0, x1, y) = (MARGIN.0, w - 0.5 * MARGIN.0, y(loss));
            let _ = writeln!(
                text,
                "<line x1=\"{x0}\" x2=\"{x1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{loss:.3}</text>",
                x0 - 6.0,
                y + 4.0
            );
        }
        for (step, anchor) in [(steps.0, "start"), (steps.1, "end")] {
            let (x, y) = (x(step), h - MARGIN.1 + 18.0);
            let _ =
                writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">step {step}</text>");
        }
        for (i, (line, colour)) in lines.iter().zip(["#4878d0", "#d65f5f"]).enumerate() {
            let points: Vec<String> =
                line.points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\"/>\
                 <text x=\"{:.1}\" y=\"22\" fill=\"{colour}\">{}</text>",
                points.join(" "),
                MARGIN.0 + 240.0 * i as f64,
                line.name
            );
        }
    }
    text.push_str("</svg>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Vec<Metric> {
        let metric = |step: u64, loss: f64| Metric {
            step,
            loss: Some(loss),
            divergence: None,
            valid_loss: step.is_multiple_of(5).then_some(loss + 0.1),
            learning_rate: 1e-3,
            norm: 1.0,
            tokens: 10,
            targets: 5,
        };
        (1..=20).map(|step| metric(step, 2.0 / step as f64)).collect()
    }

    #[test]
    fn the_picture_falls_from_the_upper_left_to_the_lower_right() {
        let picture = terminal(&history());
        let rows: Vec<&str> = picture.lines().collect();
        assert!(rows[0].contains('·') || rows[0].contains('o'), "{picture}");
        assert!(rows[HEIGHT - 1].trim_end().ends_with(['·', 'o']), "{picture}");
        assert_eq!(terminal(&[]), "");
        assert!(picture.contains("· training loss   o validation loss"), "{picture}");
    }

    #[test]
    fn a_loss_is_the_mean_of_the_steps_around_it() {
        let points: Vec<(f64, f64)> = (0..9).map(|n| (n as f64, if n == 4 { 10.0 } else { 1.0 })).collect();
        let found = smooth(&points, 1);
        assert_eq!(
            (found[0], found[4], found[5], found[8]),
            ((0.0, 1.0), (4.0, 4.0), (5.0, 4.0), (8.0, 1.0))
        );
        assert_eq!(smooth(&points, 0), points);
    }

    #[test]
    fn the_svg_has_a_point_for_every_loss() {
        let svg = svg(&history());
        let points = |n: usize| {
            svg.match_indices("points=\"").nth(n).map(|(at, _)| svg[at + 8..].split('"').next().unwrap())
        };
        assert_eq!(points(0).unwrap().split(' ').count(), 20);
        assert_eq!(points(1).unwrap().split(' ').count(), 4);
    }
}
