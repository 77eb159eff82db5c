//! One small line chart as SVG: steps to the right, one scale, in the colour of the text around it.

use std::ops::Range;

use crate::{markup::escape, palette};

/// Width of a chart in pixels, unless it is scaled.
pub(super) const WIDTH: usize = 360;
/// Height of a chart in pixels, unless it is scaled.
pub(super) const HEIGHT: usize = 210;
const LEFT: f64 = 62.0;
const RIGHT: f64 = WIDTH as f64 - 22.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = HEIGHT as f64 - 28.0;
/// Pieces of a long curve, each drawn by its lowest and its highest point.
const PIECES: usize = 300;
/// Curves of at most so many points show them.
const DOTS: usize = 30;
/// Intervals between ticks, at most.
const INTERVALS: f64 = 5.5;
/// Blue that stands out from white and from black.
const COLOUR: &str = "#2563eb";

/// Points of (step, finite value), in the order of the steps.
pub(super) type Points = Vec<(f64, f64)>;

/// How a curve looks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The only curve of its chart.
    Alone,
    /// One of many that need not be told apart.
    Among,
    /// In the colour of the thing of this number.
    Hue(usize),
}

/// Draws curves over the steps `0..=steps`, with the key of the figure on the left and a note on the
/// right.
pub(super) fn chart(key: &str, note: &str, curves: &[(Look, Points)], steps: f64) -> String {
    let points = curves.iter().flat_map(|(_, points)| points);
    let values = range(points.map(|(_, value)| *value));
    let frame = Frame { steps, values };
    let curves: String = curves
        .iter()
        .map(|(look, points)| frame.curve(*look, points))
        .collect();
    let (key, note) = (escape(key), escape(note));
    let label = match note.is_empty() {
        true => key.clone(),
        false => format!("{key}, {note}"),
    };
    let title = match key.rsplit_once('/') {
        Some((path, name)) => format!("<tspan fill-opacity=\"0.7\">{path}/</tspan>{name}"),
        None => key.clone(),
    };
    format!(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"11\" fill=\"currentColor\" \
         role=\"img\" aria-label=\"{label}\">\n\
         <text x=\"10\" y=\"19\" font-size=\"13\">{title}</text>\n\
         <text x=\"{RIGHT}\" y=\"19\" font-size=\"13\" text-anchor=\"end\">{note}</text>\n\
         {}{curves}</svg>",
        frame.axes()
    )
}

/// Where values lie on the page.
struct Frame {
    steps: f64,
    values: Range<f64>,
}

impl Frame {
    fn x(&self, step: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * step / self.steps
    }

    fn y(&self, value: f64) -> f64 {
        let Range { start, end } = self.values;
        BOTTOM - (BOTTOM - TOP) * ((value - start) / (end - start))
    }

    fn axes(&self) -> String {
        let (before, below) = (LEFT - 6.0, BOTTOM + 18.0);
        let mut svg = format!("<text x=\"10\" y=\"{below}\" fill-opacity=\"0.7\">step</text>\n");
        let (spacing, ticks) = ticks(&self.values, 0.0);
        for tick in ticks {
            let (y, middle, label) = (self.y(tick), self.y(tick) + 4.0, label(tick, spacing));
            svg.push_str(&format!(
                "<line x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\" \
                 stroke=\"currentColor\" stroke-opacity=\"0.15\"/>\
                 <text x=\"{before}\" y=\"{middle:.1}\" text-anchor=\"end\">{label}</text>\n"
            ));
        }
        let (spacing, ticks) = self::ticks(&(0.0..self.steps), 1.0);
        for tick in ticks {
            let (x, label) = (self.x(tick), label(tick, spacing));
            svg.push_str(&format!(
                "<text x=\"{x:.1}\" y=\"{below}\" text-anchor=\"middle\">{label}</text>\n"
            ));
        }
        svg
    }

    fn curve(&self, look: Look, points: &[(f64, f64)]) -> String {
        let points: Vec<_> = thinned(points)
            .map(|(step, value)| (self.x(step), self.y(value)))
            .collect();
        let line: Vec<_> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let opacity = if look == Look::Among { 0.6 } else { 1.0 };
        let mut svg = format!(
            "<polyline fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\" \
             stroke-linejoin=\"round\" stroke-opacity=\"{opacity}\" points=\"{}\"/>\n",
            line.join(" ")
        );
        if look != Look::Among && points.len() <= DOTS {
            for (x, y) in points {
                svg.push_str(&format!(
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"currentColor\"/>\n"
                ));
            }
        }
        match look {
            Look::Hue(index) => palette::coloured(index, &svg),
            _ => format!("<g class=\"curve\" color=\"{COLOUR}\">{svg}</g>\n"),
        }
    }
}

/// The range of some values with a margin, never empty.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let largest = low.abs().max(high.abs());
    let least = if largest > 0.0 { largest * 1e-3 } else { 1.0 };
    let margin = ((high - low) * 0.05).max(least);
    (low - margin)..(high + margin)
}

/// The distance of the ticks of a scale, at least `least`, and the ticks: round numbers in `range`.
pub(super) fn ticks(range: &Range<f64>, least: f64) -> (f64, impl Iterator<Item = f64> + use<>) {
    let wanted = ((range.end - range.start) / INTERVALS).max(least);
    let power = 10f64.powf(wanted.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|factor| factor * power).into_iter();
    let spacing = round
        .filter(|spacing| *spacing >= wanted)
        .fold(10.0 * power, f64::min);
    let first = (range.start / spacing).ceil() as i64;
    let last = (range.end / spacing).floor() as i64;
    let ticks = (first..=last).map(move |index| index as f64 * spacing);
    (spacing, ticks)
}

/// A tick with as many digits as tell it from the next.
pub(super) fn label(tick: f64, spacing: f64) -> String {
    let exponent = |size: f64| (size.log10() + 1e-9).floor() as i32;
    let decimals = (-exponent(spacing)).max(0) as usize;
    match tick.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1e6 || decimals > 4 => {
            let digits = (exponent(size) - exponent(spacing)).max(1) as usize;
            format!("{tick:.digits$e}")
        }
        _ => format!("{tick:.decimals$}"),
    }
}

/// A curve of any length by few points, its peaks kept.
fn thinned(curve: &[(f64, f64)]) -> impl Iterator<Item = (f64, f64)> {
    let length = if curve.len() <= 2 * PIECES {
        1
    } else {
        curve.len().div_ceil(PIECES)
    };
    curve.chunks(length).flat_map(|piece| {
        let index = |best: fn(&f64, &f64) -> bool| {
            (1..piece.len()).fold(0, |found, index| {
                if best(&piece[index].1, &piece[found].1) {
                    index
                } else {
                    found
                }
            })
        };
        let (low, high) = (index(f64::lt), index(f64::gt));
        let (first, second) = (low.min(high), low.max(high));
        std::iter::once(piece[first]).chain((first != second).then(|| piece[second]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(range: Range<f64>, least: f64) -> Vec<String> {
        let (spacing, ticks) = ticks(&range, least);
        ticks.map(|tick| label(tick, spacing)).collect()
    }

    #[test]
    fn ticks_are_round_and_as_precise_as_needed() {
        assert_eq!(
            labels(-1.0..4690.0, 1.0),
            ["0", "1000", "2000", "3000", "4000"]
        );
        assert_eq!(labels(0.0..3.9, 1.0), ["0", "1", "2", "3"]);
        assert_eq!(labels(-0.31..0.29, 0.0), ["-0.2", "0", "0.2"]);
        assert_eq!(
            labels(0.0..2.2e-6, 0.0),
            ["0", "5.0e-7", "1.0e-6", "1.5e-6", "2.0e-6"]
        );
    }

    #[test]
    fn ticks_of_a_narrow_range_differ() {
        assert_eq!(
            labels(range([0.01].into_iter()), 0.0),
            ["9.995e-3", "1.0000e-2", "1.0005e-2", "1.0010e-2"]
        );
        assert_eq!(
            labels(1.02e6..1.21e6, 0.0),
            ["1.05e6", "1.10e6", "1.15e6", "1.20e6"]
        );
    }

    #[test]
    fn a_constant_curve_has_a_scale_around_it() {
        let range = range([0.0, 0.0].into_iter());
        assert!(range.start < 0.0 && range.end > 0.0);
        assert!(!chart("zero", "0", &[(Look::Alone, vec![(1.0, 0.0)])], 1.0).contains("NaN"));
    }

    #[test]
    fn a_long_curve_keeps_its_peaks_and_its_order() {
        let mut curve: Vec<_> = (0..10_000).map(|step| (step as f64, 1.0)).collect();
        curve[1234].1 = 9.0;
        curve[4321].1 = -9.0;
        let drawn: Vec<_> = thinned(&curve).collect();
        assert!(drawn.len() <= 2 * PIECES);
        assert!(drawn.contains(&(1234.0, 9.0)) && drawn.contains(&(4321.0, -9.0)));
        assert!(drawn.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_short_curve_is_drawn_as_it_is() {
        let curve = [(1.0, 3.0), (2.0, 1.0), (3.0, 2.0)];
        assert_eq!(thinned(&curve).collect::<Vec<_>>(), curve);
    }
}
