//! Points in the plane as SVG, each in the colour of its class.

use std::ops::Range;

use super::chart::{label, ticks};
use crate::{
    markup::escape,
    palette::{self, HUES},
};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = WIDTH - 14.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = HEIGHT - 46.0;

/// What is drawn.
#[derive(Clone, Debug)]
pub(crate) struct Scatter {
    /// Names of the axes, to the right and up.
    pub axes: [String; 2],
    /// What is seen of either axis; points outside are left out.
    pub ranges: [Range<f64>; 2],
    /// The points.
    pub points: Vec<[f64; 2]>,
    /// The class of each point, if they have one.
    pub classes: Option<Vec<usize>>,
    /// What a person must know of the points.
    pub note: String,
}

/// Draws the points, with a legend if there are no more classes than colours. In a file of its own the
/// ground is white; a page gives it its own colours.
pub(crate) fn scatter(scatter: &Scatter) -> String {
    let classes = scatter.classes.as_deref().unwrap_or_default();
    let count = classes.iter().max().map_or(0, |last| last + 1);
    let told_apart = (1..=HUES).contains(&count);
    let clouds: String = match told_apart {
        true => (0..count)
            .map(|class| palette::coloured(class, &scatter.cloud(|index| classes[index] == class)))
            .collect(),
        false => palette::coloured(0, &scatter.cloud(|_| true)),
    };
    let legend = if told_apart {
        legend(count)
    } else {
        String::new()
    };
    let note = escape(&scatter.note);
    format!(
        "<svg class=\"scatter\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\" color=\"#222\" \
         fill=\"currentColor\" role=\"img\" aria-label=\"{note}\">\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"12\" y=\"20\">{note}</text>\n{legend}{}{clouds}</svg>\n",
        scatter.axes()
    )
}

impl Scatter {
    fn x(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * share(&self.ranges[0], value)
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * share(&self.ranges[1], value)
    }

    /// The points that `shown` chooses by their index, as one path of dots.
    fn cloud(&self, shown: impl Fn(usize) -> bool) -> String {
        let points = self.points.iter().enumerate();
        let dots: String = points
            .filter(|(index, point)| shown(*index) && self.holds(point))
            .map(|(_, [x, y])| format!("M{:.1} {:.1}h0", self.x(*x), self.y(*y)))
            .collect();
        format!(
            "<path d=\"{dots}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"3.4\" \
             stroke-linecap=\"round\" stroke-opacity=\"0.75\"/>"
        )
    }

    fn holds(&self, point: &[f64; 2]) -> bool {
        let axes = self.ranges.iter().zip(point);
        axes.fold(true, |inside, (range, value)| {
            inside && range.contains(value)
        })
    }

    fn axes(&self) -> String {
        let mut svg = String::new();
        let line = |x: [f64; 2], y: [f64; 2]| {
            format!(
                "<line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"currentColor\" \
                 stroke-opacity=\"0.15\"/>",
                x[0], x[1], y[0], y[1]
            )
        };
        let (spacing, columns) = ticks(&self.ranges[0], 0.0);
        for tick in columns {
            let (x, label) = (self.x(tick), label(tick, spacing));
            svg.push_str(&line([x, x], [TOP, BOTTOM]));
            let y = BOTTOM + 16.0;
            svg.push_str(&format!(
                "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>\n"
            ));
        }
        let (spacing, rows) = ticks(&self.ranges[1], 0.0);
        for tick in rows {
            let (y, label) = (self.y(tick), label(tick, spacing));
            svg.push_str(&line([LEFT, RIGHT], [y, y]));
            let (x, y) = (LEFT - 6.0, y + 4.0);
            svg.push_str(&format!(
                "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{label}</text>\n"
            ));
        }
        let [right, up] = self.axes.each_ref().map(|name| escape(name));
        let (middle, below) = ((LEFT + RIGHT) / 2.0, HEIGHT - 12.0);
        let height = (TOP + BOTTOM) / 2.0;
        svg.push_str(&format!(
            "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\" fill-opacity=\"0.7\">{right}\
             </text>\n<text transform=\"translate(12 {height}) rotate(-90)\" \
             text-anchor=\"middle\" fill-opacity=\"0.7\">{up}</text>\n"
        ));
        svg
    }
}

/// Where a value lies in a range, from 0 to 1.
fn share(range: &Range<f64>, value: f64) -> f64 {
    (value - range.start) / (range.end - range.start)
}

/// The classes in a row, each with its colour.
fn legend(count: usize) -> String {
    let classes = (0..count).map(|class| {
        let x = LEFT + 36.0 * class as f64;
        let dot = format!("<circle cx=\"{x}\" cy=\"36\" r=\"4\" fill=\"currentColor\"/>");
        let name = format!("<text x=\"{}\" y=\"40\">{class}</text>\n", x + 8.0);
        palette::coloured(class, &dot) + &name
    });
    classes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Scatter {
        Scatter {
            axes: ["right".to_owned(), "a < b".to_owned()],
            ranges: [0.0..1.0, 0.0..1.0],
            points: vec![[0.25, 0.75], [0.5, 0.5], [2.0, 0.5]],
            classes: Some(vec![1, 0, 0]),
            note: "3 points".to_owned(),
        }
    }

    #[test]
    fn each_class_has_its_colour_and_its_name_and_points_outside_are_left_out() {
        let svg = scatter(&three());
        assert_eq!(svg.matches("h0").count(), 2, "{svg}");
        for class in ["hue-0", "hue-1"] {
            assert_eq!(svg.matches(class).count(), 2, "a cloud and a legend: {svg}");
        }
        assert!(
            svg.contains("a &lt; b") && svg.contains("M136.0 137.5h0"),
            "{svg}"
        );
    }

    #[test]
    fn points_without_classes_and_of_too_many_have_one_colour_and_no_legend() {
        let many = Some(vec![10, 3, 4]);
        for classes in [None, many] {
            let svg = scatter(&Scatter { classes, ..three() });
            assert_eq!(svg.matches("<g class").count(), 1, "{svg}");
            assert_eq!(svg.matches("h0").count(), 2, "{svg}");
        }
    }
}
