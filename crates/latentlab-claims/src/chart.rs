//! A chart as an SVG file of its own: curves over a number or bars over outcomes, on white, legible
//! beside any page.

use std::{fmt::Write, ops::Range};

use latentlab_experiment::markup::escape;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
/// Half of the longest label has room to the right of it.
const RIGHT: f64 = WIDTH - 32.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = HEIGHT - 44.0;
/// Colours that most people tell apart (Okabe and Ito 2008), less the yellow.
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000",
];
/// A curve of at most so many points shows them.
const DOTS: usize = 40;

/// Share of the distance between outcomes that their bars take, all series together.
const BARS: f64 = 0.7;

/// A chart of curves, or of bars.
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What lies to the right.
    pub x: String,
    /// How the numbers to the right are spaced.
    pub x_scale: Scale,
    /// How the numbers upwards are spaced.
    pub y_scale: Scale,
    /// Whether a series is bars from 0 up at whole numbers, instead of a curve.
    pub bars: bool,
    /// The curves.
    pub series: Vec<Series>,
}

/// How numbers are spaced along an axis.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// By their differences.
    Linear,
    /// By their ratios; numbers that are not positive are left out.
    Logarithmic,
}

/// One curve.
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its points; those that are no numbers are left out.
    pub points: Vec<(f64, f64)>,
}

impl Chart {
    /// A chart without curves, both axes linear.
    pub fn new(title: impl Into<String>, x: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            x: x.into(),
            x_scale: Scale::Linear,
            y_scale: Scale::Linear,
            bars: false,
            series: Vec::new(),
        }
    }

    /// A chart of bars at whole numbers, without series.
    pub fn of_bars(title: impl Into<String>, x: impl Into<String>) -> Self {
        Self {
            bars: true,
            ..Self::new(title, x)
        }
    }

    /// The chart with these scales.
    pub fn scaled(self, x_scale: Scale, y_scale: Scale) -> Self {
        Self {
            x_scale,
            y_scale,
            ..self
        }
    }

    /// The chart with one more curve.
    pub fn with(mut self, name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.series.push(Series {
            name: name.into(),
            points,
        });
        self
    }

    /// The bytes of the SVG file.
    pub fn to_svg(&self) -> String {
        let curves: Vec<Vec<(f64, f64)>> = self
            .series
            .iter()
            .map(|series| {
                let points = series.points.iter();
                let placed = points.map(|(x, y)| (self.x_scale.place(*x), self.y_scale.place(*y)));
                placed
                    .filter(|(x, y)| x.is_finite() && y.is_finite())
                    .collect()
            })
            .collect();
        let range = |axis: fn(&(f64, f64)) -> f64| range(curves.iter().flatten().map(axis));
        let (mut xs, mut ys) = (range(|point| point.0), range(|point| point.1));
        if self.bars {
            xs = xs.start - 0.5..xs.end + 0.5;
            ys = 0.0..ys.end * 1.05;
        }
        let to_x = |x: f64| LEFT + (RIGHT - LEFT) * (x - xs.start) / (xs.end - xs.start);
        let to_y = |y: f64| BOTTOM - (BOTTOM - TOP) * (y - ys.start) / (ys.end - ys.start);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"system-ui, sans-serif\" \
             font-size=\"12\" fill=\"#222\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"16\" y=\"22\" font-size=\"15\">{}</text>\n",
            escape(&self.title)
        );
        let mut put = |part: String| {
            svg.push_str(&part);
            svg.push('\n');
        };
        for (y, label) in self.y_scale.ticks(&ys) {
            let y = to_y(y);
            put(format!(
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                LEFT - 8.0,
                y + 4.0
            ));
        }
        for (x, label) in self.x_scale.ticks(&xs) {
            put(format!(
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
                to_x(x),
                BOTTOM + 18.0
            ));
        }
        put(format!(
            "<text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
            HEIGHT - 8.0,
            escape(&self.x)
        ));
        let mut at = LEFT;
        let coloured = self.series.iter().zip(&curves).zip(COLOURS.iter().cycle());
        for (place, ((series, curve), colour)) in coloured.enumerate() {
            put(legend(&series.name, colour, at));
            at += 44.0 + 6.6 * series.name.chars().count() as f64;
            if self.bars {
                let width = BARS / self.series.len() as f64;
                for (x, y) in curve {
                    let left = to_x(x - BARS / 2.0 + place as f64 * width);
                    let (width, top) = (to_x(x + width) - to_x(*x), to_y(*y));
                    let (height, middle) = (BOTTOM - top, left + width / 2.0);
                    put(format!(
                        "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" \
                         height=\"{height:.1}\" fill=\"{colour}\"/>\
                         <text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
                         font-size=\"10\">{}</text>",
                        top - 4.0,
                        label(*y)
                    ));
                }
                continue;
            }
            let mut line = String::new();
            for (x, y) in curve {
                let _ = write!(line, "{:.1},{:.1} ", to_x(*x), to_y(*y));
            }
            put(format!(
                "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-linejoin=\"round\" points=\"{}\"/>",
                line.trim_end()
            ));
            for (x, y) in curve.iter().filter(|_| curve.len() <= DOTS) {
                put(format!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    to_x(*x),
                    to_y(*y)
                ));
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

/// The name of a series beside its colour, from `left` on.
fn legend(name: &str, colour: &str, left: f64) -> String {
    format!(
        "<rect x=\"{left:.1}\" y=\"36\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
         <text x=\"{:.1}\" y=\"42\">{}</text>",
        left + 20.0,
        escape(name)
    )
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
        }
    }

    /// Places of the ticks in `range`, with their labels.
    fn ticks(self, range: &Range<f64>) -> Vec<(f64, String)> {
        let span = range.end - range.start;
        if self == Self::Logarithmic && span >= 1.0 {
            let spacing = (span / 6.0).ceil();
            let first = (range.start / spacing).ceil();
            let exponents = (-1..8).map(|index| (first + f64::from(index)) * spacing);
            let between: &[f64] = if span < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let values = exponents.flat_map(|exponent| {
                let power = 10f64.powf(exponent);
                between.iter().map(move |factor| factor * power)
            });
            return values
                .map(|value| (value.log10(), label(value)))
                .filter(|(place, _)| range.start <= *place && *place <= range.end)
                .collect();
        }
        if self == Self::Logarithmic {
            let ends = 10f64.powf(range.start)..10f64.powf(range.end);
            let ticks = Self::Linear.ticks(&ends).into_iter();
            return ticks.map(|(tick, label)| (tick.log10(), label)).collect();
        }
        let rough = span / 6.0;
        let power = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
        let spacing = steps
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(power);
        let first = (range.start / spacing).ceil();
        let ticks = (0..12).map(|index| (first + f64::from(index)) * spacing);
        ticks
            .take_while(|tick| *tick <= range.end + 1e-9 * span)
            .map(|tick| (tick, label(tick)))
            .collect()
    }
}

/// A number as short as it can be told.
fn label(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:.0e}");
    }
    let text = format!("{value:.4}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        short => short.to_owned(),
    }
}

/// From the least to the largest value, never empty.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (least, most) = values.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(least, most), value| (least.min(value), most.max(value)),
    );
    match least.partial_cmp(&most) {
        Some(std::cmp::Ordering::Less) => least..most,
        Some(std::cmp::Ordering::Equal) => least - 0.5..most + 0.5,
        _ => 0.0..1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_span_the_chart_and_name_themselves() {
        let chart = Chart::new("a < b", "step").with("one", vec![(0.0, 1.0), (10.0, 3.0)]);
        let svg = chart.to_svg();
        assert!(svg.contains("points=\"64.0,316.0 608.0,56.0\""), "{svg}");
        assert!(svg.contains(">one</text>") && svg.contains("a &lt; b"));
    }

    #[test]
    fn bars_stand_side_by_side_on_zero_with_their_values() {
        let one = vec![(1.0, 0.5), (2.0, 0.25)];
        let two = vec![(1.0, 0.25), (2.0, 0.0)];
        let svg = Chart::of_bars("t", "face")
            .with("p", one)
            .with("q", two)
            .to_svg();
        // 544 units for two outcomes, 0.35 of each for a bar; 260 upwards for 0.525.
        assert!(
            svg.contains("<rect x=\"104.8\" y=\"68.4\" width=\"95.2\" height=\"247.6\""),
            "{svg}"
        );
        assert!(svg.contains("<rect x=\"200.0\" y=\"192.2\""), "{svg}");
        assert!(svg.contains(">0.25</text>") && !svg.contains("polyline"));
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let points = vec![(0.0, 1.0), (1.0, f64::NAN), (10.0, 2.0), (100.0, 3.0)];
        let chart = Chart::new("t", "x").scaled(Scale::Logarithmic, Scale::Linear);
        let svg = chart.with("one", points).to_svg();
        assert!(svg.contains("points=\"64.0,316.0 608.0,56.0\""), "{svg}");
    }

    #[test]
    fn a_chart_without_points_is_still_one() {
        assert!(Chart::new("t", "x").to_svg().ends_with("</svg>\n"));
    }

    #[test]
    fn ticks_are_round() {
        let labels = |scale: Scale, range: Range<f64>| -> Vec<String> {
            let ticks = scale.ticks(&range).into_iter();
            ticks.map(|(_, label)| label).collect()
        };
        assert_eq!(
            labels(Scale::Linear, 0.0..1.0),
            ["0", "0.2", "0.4", "0.6", "0.8", "1"]
        );
        assert_eq!(labels(Scale::Logarithmic, 0.3..1.4), ["2", "5", "10", "20"]);
        assert_eq!(
            labels(Scale::Logarithmic, 0.0..3.0),
            ["1", "10", "100", "1000"]
        );
    }
}
