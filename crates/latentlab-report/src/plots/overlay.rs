//! The curves of several runs over one another.

use std::collections::BTreeMap;

use latentlab_train::Record;

use super::{
    chart::{Look, chart},
    curves,
};
use latentlab_run::figures::{Group, grouped};

/// A chart for each figure that at least two of the runs recorded, by group. Each run has the colour
/// of its place in `runs`.
pub(crate) fn overlays<'a>(runs: &[&'a [Record]]) -> Vec<Group<'a, String>> {
    let mut figures: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (place, records) in runs.iter().enumerate() {
        for (key, points) in curves(records) {
            let hued = (Look::Hue(place), points);
            figures.entry(key).or_default().push(hued);
        }
    }
    let last = runs.iter().filter_map(|records| records.last());
    let steps = last.map(|record| record.step).max().unwrap_or(1) as f64;
    let shared = figures.into_iter().filter(|(_, curves)| curves.len() > 1);
    grouped(shared.map(|(key, curves)| (key, chart(key, "", &curves, steps))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(steps: u64, figures: &[&str]) -> Vec<Record> {
        (1..=steps)
            .map(|step| {
                let mut record = Record::new(step, 0.0);
                for figure in figures {
                    record.insert(*figure, step as f64);
                }
                record
            })
            .collect()
    }

    #[test]
    fn a_figure_of_two_runs_is_a_chart_of_two_colours_and_one_of_a_single_run_is_none() {
        let (first, second) = (run(4, &["ae/loss", "ae/extra"]), run(8, &["ae/loss"]));
        let third = run(2, &["vae/loss"]);
        let groups = overlays(&[&first, &third, &second]);
        assert_eq!(groups.len(), 1);
        let [(name, chart)] = &groups[0].figures[..] else {
            panic!("{groups:?}")
        };
        assert_eq!((groups[0].name, *name), ("ae", "loss"));
        assert_eq!(chart.matches("<polyline").count(), 2);
        assert!(chart.contains("class=\"hue-0\"") && chart.contains("class=\"hue-2\""));
        assert!(!chart.contains("class=\"hue-1\""));
    }

    #[test]
    fn runs_without_records_share_nothing() {
        assert_eq!(overlays(&[&[], &[]]), []);
    }
}
