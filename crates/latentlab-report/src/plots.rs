//! Plots of a run: a small SVG chart for each figure in `metrics.jsonl`, a file for each group; runs
//! over one another; points in the plane; pictures one after the other.

mod animation;
mod chart;
mod overlay;
mod scatter;

use std::collections::BTreeMap;

use latentlab_train::Record;

use chart::{HEIGHT, Look, Points, WIDTH, chart};
use latentlab_run::figures::{Group, grouped, number};

pub(crate) use animation::animation;
pub(crate) use overlay::overlays;
pub(crate) use scatter::{Scatter, scatter};

const COLUMNS: usize = 3;

/// The charts of a run by group. Each figure has a chart with a scale of its own; figures that are
/// parts of one quantity share theirs.
pub(crate) fn charts(records: &[Record]) -> Vec<(&str, Vec<String>)> {
    let steps = records.last().map_or(1, |record| record.step) as f64;
    grouped(curves(records))
        .into_iter()
        .map(|group| (group.name, draw(group, steps)))
        .collect()
}

/// The finite values of every figure by its key.
fn curves(records: &[Record]) -> BTreeMap<&str, Points> {
    let mut curves: BTreeMap<&str, Points> = BTreeMap::new();
    for record in records {
        for (key, value) in record.iter().filter(|(_, value)| value.is_finite()) {
            let curve = curves.entry(key).or_default();
            curve.push((record.step as f64, value));
        }
    }
    curves
}

fn draw(group: Group<Points>, steps: f64) -> Vec<String> {
    if group.is_one_quantity() {
        let note = format!("{} curves", group.figures.len());
        let figures = group.figures.into_iter();
        let curves: Vec<_> = figures.map(|(_, curve)| (Look::Among, curve)).collect();
        let key = format!("{}/...", group.name);
        return vec![chart(&key, &note, &curves, steps)];
    }
    let figures = group.figures.into_iter();
    figures
        .map(|(name, curve)| {
            let key = format!("{}/{name}", group.name);
            let last = curve
                .last()
                .map_or(String::new(), |(_, value)| number(*value));
            chart(&key, &last, &[(Look::Alone, curve)], steps)
        })
        .collect()
}

/// The plots of a run by file name: `generator.svg` shows every key below `generator/`.
pub(crate) fn plots(records: &[Record]) -> Vec<(String, String)> {
    let groups = charts(records).into_iter();
    groups
        .map(|(name, charts)| (format!("{}.svg", name.replace('/', "-")), sheet(&charts)))
        .collect()
}

/// Charts side by side on white.
fn sheet(charts: &[String]) -> String {
    let columns = charts.len().min(COLUMNS);
    let (width, height) = (columns * WIDTH, charts.len().div_ceil(COLUMNS) * HEIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" color=\"#222\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (index, chart) in charts.iter().enumerate() {
        let (x, y) = (index % COLUMNS * WIDTH, index / COLUMNS * HEIGHT);
        svg.push_str(&format!(
            "<g transform=\"translate({x} {y})\">{chart}</g>\n"
        ));
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_of_figures_gets_a_file_and_each_figure_a_chart() {
        let records: Vec<Record> = (1..=3)
            .map(|step| {
                let mut record = Record::new(step, 0.0);
                record.insert("generator/loss", step as f64);
                record.insert("generator/grad_norm", 1.0 / step as f64);
                record.insert("test/kl/000", f64::NAN);
                record.insert("test/kl/001", 0.5);
                record.insert("test/kl/002", 0.25);
                record
            })
            .collect();
        let plots = plots(&records);
        let names: Vec<_> = plots.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["test-kl.svg", "generator.svg"]);
        let count = |text: &str, part: &str| text.matches(part).count();
        assert_eq!(count(&plots[0].1, "class=\"chart\""), 1);
        assert_eq!(
            count(&plots[0].1, "<polyline"),
            2,
            "a curve without numbers is left out"
        );
        assert_eq!(count(&plots[1].1, "class=\"chart\""), 2);
        assert!(plots[1].1.contains("generator/</tspan>grad_norm</text>"));
    }

    #[test]
    fn a_run_without_figures_has_no_plots() {
        assert_eq!(plots(&[]), []);
    }
}
