//! A chart as an SVG file of its own: curves over a number or bars over outcomes, on white, legible
//! beside any page.

use std::{fmt::Write, ops::Range};

use latentlab_report::escape;

use crate::Scale;

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
const BARS: f64 = 0.85;
/// Width of a bar from which on three decimals fit above it, where else it is two.
const THREE_DECIMALS: f64 = 34.0;

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
    /// What a series is drawn as.
    pub form: Form,
    /// The curves, or the bars of one colour.
    pub series: Vec<Series>,
}

/// What a series is drawn as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line from point to point.
    Curve,
    /// Bars from 0 up at whole numbers, which are outcomes.
    Bars,
}

/// One curve, or the bars of one colour.
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
            form: Form::Curve,
            series: Vec::new(),
        }
    }

    /// A chart of bars at whole numbers, without series.
    pub fn of_bars(title: impl Into<String>, x: impl Into<String>) -> Self {
        Self {
            form: Form::Bars,
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

    /// The chart with one more series.
    pub fn with(mut self, name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        self.series.push(Series {
            name: name.into(),
            points,
        });
        self
    }

    /// The bytes of the SVG file.
    pub fn to_svg(&self) -> String {
        let series = self.series.iter().map(|series| self.placed(series));
        let series: Vec<_> = series.collect();
        let frame = self.frame(&series);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             width=\"{WIDTH}\" height=\"{HEIGHT}\" font-family=\"system-ui, sans-serif\" \
             font-size=\"12\" fill=\"#222\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
             <text x=\"16\" y=\"22\" font-size=\"15\">{}</text>\n{}",
            escape(&self.title),
            self.axes(&frame, &series)
        );
        let mut at = LEFT;
        let gap = self.gap();
        let coloured = self.series.iter().zip(&series).zip(COLOURS.iter().cycle());
        for (place, ((one, points), colour)) in coloured.enumerate() {
            svg.push_str(&legend(&one.name, colour, at));
            at += width_in_legend(&one.name) + gap;
            svg.push_str(&match self.form {
                Form::Curve => frame.curve(points, colour),
                Form::Bars => frame.bars(points, colour, (place, series.len())),
            });
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The room between two names of the legend: less than usual where they would not fit.
    fn gap(&self) -> f64 {
        let names = self
            .series
            .iter()
            .map(|series| width_in_legend(&series.name));
        let gaps = self.series.len().saturating_sub(1).max(1) as f64;
        ((RIGHT - LEFT - names.sum::<f64>()) / gaps).clamp(8.0, 24.0)
    }

    /// The points of a series by their places along the axes.
    fn placed(&self, series: &Series) -> Vec<(f64, f64)> {
        let points = series.points.iter();
        points
            .map(|(x, y)| (self.x_scale.place(*x), self.y_scale.place(*y)))
            .filter(|(x, y)| x.is_finite() && y.is_finite())
            .collect()
    }

    fn frame(&self, series: &[Vec<(f64, f64)>]) -> Frame {
        let points = series.iter().flatten();
        let x = range(points.clone().map(|point| point.0));
        let y = range(points.map(|point| point.1));
        match self.form {
            Form::Curve => Frame {
                x,
                y: self.y_scale.widened(&y),
            },
            Form::Bars => Frame {
                x: x.start - 0.5..x.end + 0.5,
                y: 0.0..y.end * 1.08,
            },
        }
    }

    /// Lines and labels of both axes, and the name of the one to the right.
    fn axes(&self, frame: &Frame, series: &[Vec<(f64, f64)>]) -> String {
        let mut svg = String::new();
        for (y, label) in self.y_scale.ticks(&frame.y) {
            let y = frame.up(y);
            svg.push_str(&format!(
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                LEFT - 8.0,
                y + 4.0
            ));
        }
        svg.push_str(&format!(
            "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\" stroke=\"#888\"/>\n"
        ));
        let columns = match self.form {
            Form::Curve => self.x_scale.ticks(&frame.x),
            Form::Bars => {
                let outcomes = series.iter().max_by_key(|bars| bars.len());
                let outcomes = outcomes.into_iter().flatten();
                outcomes.map(|(x, _)| (*x, x.to_string())).collect()
            }
        };
        for (x, label) in columns {
            svg.push_str(&format!(
                "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{BOTTOM}\" y2=\"{1}\" stroke=\"#888\"/>\
                 <text x=\"{0:.1}\" y=\"{2}\" text-anchor=\"middle\">{label}</text>\n",
                frame.right(x),
                BOTTOM + 4.0,
                BOTTOM + 18.0
            ));
        }
        svg.push_str(&format!(
            "<text x=\"{RIGHT}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>\n",
            HEIGHT - 8.0,
            escape(&self.x)
        ));
        svg
    }
}

/// What is seen of either axis.
struct Frame {
    x: Range<f64>,
    y: Range<f64>,
}

impl Frame {
    fn right(&self, x: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (x - self.x.start) / (self.x.end - self.x.start)
    }

    fn up(&self, y: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (y - self.y.start) / (self.y.end - self.y.start)
    }

    fn curve(&self, points: &[(f64, f64)], colour: &str) -> String {
        let points = points.iter().map(|(x, y)| (self.right(*x), self.up(*y)));
        let mut line = String::new();
        for (x, y) in points.clone() {
            let _ = write!(line, "{x:.1},{y:.1} ");
        }
        let mut svg = format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-linejoin=\"round\" points=\"{}\"/>\n",
            line.trim_end()
        );
        if points.len() <= DOTS {
            for (x, y) in points {
                let _ = writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
        }
        svg
    }

    /// The bars of the series `place` of `count`, each with its value above it.
    fn bars(&self, points: &[(f64, f64)], colour: &str, (place, count): (usize, usize)) -> String {
        let share = BARS / count as f64;
        let width = self.right(share) - self.right(0.0);
        let decimals = if width < THREE_DECIMALS { 2 } else { 3 };
        let mut svg = String::new();
        for (x, y) in points {
            let (left, top) = (
                self.right(x - BARS / 2.0 + place as f64 * share),
                self.up(*y),
            );
            let value = match y {
                0.0 => "0".to_owned(),
                _ => format!("{y:.decimals$}"),
            };
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{:.1}\" \
                 fill=\"{colour}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
                 font-size=\"9\">{value}</text>",
                BOTTOM - top,
                left + width / 2.0,
                top - 4.0
            );
        }
        svg
    }
}

/// The name of a series beside its colour, from `left` on.
/// What a name takes of the legend, with its line.
fn width_in_legend(name: &str) -> f64 {
    20.0 + 6.6 * name.chars().count() as f64
}

fn legend(name: &str, colour: &str, left: f64) -> String {
    format!(
        "<rect x=\"{left:.1}\" y=\"36\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
         <text x=\"{:.1}\" y=\"42\">{}</text>\n",
        left + 20.0,
        escape(name)
    )
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
    fn curves_name_themselves_and_leave_a_margin() {
        let chart = Chart::new("a < b", "step").with("one", vec![(0.0, 1.0), (10.0, 3.0)]);
        let svg = chart.to_svg();
        // 260 units upwards, 4 parts in 108 free below and above.
        assert!(svg.contains("points=\"64.0,306.4 608.0,65.6\""), "{svg}");
        assert!(svg.contains(">one</text>") && svg.contains("a &lt; b"));
    }

    #[test]
    fn a_ratio_has_one_height_on_a_logarithmic_axis() {
        let points = vec![(0.0, 4000.0), (1.0, 400.0), (2.0, 40.0)];
        let chart = Chart::new("t", "step").scaled(Scale::Linear, Scale::Logarithmic);
        let svg = chart.with("one", points).to_svg();
        // From 20 to 5000: 4000 is log10(1.25) / log10(250) of 260 units below the top.
        assert!(
            svg.contains("points=\"64.0,66.5 336.0,174.9 608.0,283.4\""),
            "{svg}"
        );
    }

    #[test]
    fn a_legend_of_many_names_moves_together_and_ends_inside_of_the_picture() {
        let names = [
            "blur",
            "noise",
            "fewer modes",
            "black rectangles",
            "salt and pepper",
            "swirl",
        ];
        let chart = |count: usize| {
            let names = names[..count].iter();
            names.fold(Chart::new("a chart", "step"), |chart, name| {
                chart.with(*name, vec![])
            })
        };
        let ends = |count: usize| {
            let widths = names[..count].iter().map(|name| width_in_legend(name));
            LEFT + widths.sum::<f64>() + chart(count).gap() * (count - 1) as f64
        };
        assert!(ends(6) <= RIGHT, "{}", ends(6));
        assert_eq!((chart(1).gap(), chart(3).gap()), (24.0, 24.0));
    }

    #[test]
    fn the_last_label_is_inside_of_the_picture() {
        let svg = Chart::new("t", "step").with("one", vec![(0.0, 1.0), (100_000.0, 3.0)]);
        let svg = svg.to_svg();
        assert!(svg.contains("<text x=\"608.0\" y=\"334\" text-anchor=\"middle\">100000</text>"));
        // A digit of a font of 12 units is less than 8 of them wide.
        const { assert!(RIGHT + 6.0 * 8.0 / 2.0 <= WIDTH) };
    }

    #[test]
    fn bars_stand_side_by_side_on_zero_with_their_values() {
        let one = vec![(1.0, 0.5), (2.0, 0.25)];
        let two = vec![(1.0, 0.25), (2.0, 0.0)];
        let svg = Chart::of_bars("t", "face")
            .with("p", one)
            .with("q", two)
            .to_svg();
        // 544 units for two outcomes, 0.425 of each for a bar; 260 upwards for 0.54.
        assert!(
            svg.contains("<rect x=\"84.4\" y=\"75.3\" width=\"115.6\" height=\"240.7\""),
            "{svg}"
        );
        assert!(svg.contains("<rect x=\"200.0\" y=\"195.6\""), "{svg}");
        assert!(svg.contains(">0.250</text>") && !svg.contains("polyline"));
    }

    #[test]
    fn every_outcome_is_named_and_narrow_bars_have_short_values() {
        let shares: Vec<_> = (1..=8)
            .map(|outcome| (f64::from(outcome), 1.0 / 6.0))
            .collect();
        let chart = Chart::of_bars("t", "mode").with("p", shares.clone());
        let svg = chart.with("q", shares).to_svg();
        for outcome in 1..=8 {
            assert!(
                svg.contains(&format!(">{outcome}</text>")),
                "{outcome}: {svg}"
            );
        }
        assert!(svg.contains(">0.17</text>") && !svg.contains(">0.167</text>"));
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let points = vec![(0.0, 1.0), (1.0, f64::NAN), (10.0, 2.0), (100.0, 3.0)];
        let chart = Chart::new("t", "x").scaled(Scale::Logarithmic, Scale::Linear);
        let svg = chart.with("one", points).to_svg();
        assert!(svg.contains("points=\"64.0,306.4 608.0,65.6\""), "{svg}");
    }

    #[test]
    fn a_chart_without_points_is_still_one() {
        for chart in [Chart::new("t", "x"), Chart::of_bars("t", "x")] {
            let svg = chart.with("one", vec![]).to_svg();
            assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
        }
    }
}
