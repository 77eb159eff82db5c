//! What the measurements come to.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use serde::Serialize;

use super::process::{self, Process};

/// A workload's line of the comparison. Times are medians over the rounds.
#[derive(Serialize)]
pub struct Row {
    /// Its name.
    pub workload: String,
    /// Our milliseconds per step.
    pub ours_ms: f64,
    /// PyTorch's milliseconds per step, by mode.
    pub pytorch: BTreeMap<String, f64>,
    /// The time of PyTorch's best mode over ours, of the same round.
    pub ratio: f64,
    /// The required FLOPs over the best measured rate of a product of matrices.
    pub limit_ms: f64,
    /// The limit over our time.
    pub share: f64,
    /// Our peak memory.
    pub peak_mib: f64,
    /// The peak memory of PyTorch's best mode.
    pub pytorch_peak_mib: f64,
    /// Seconds from the start of our process to the end of its first step.
    pub first_step_s: f64,
    /// The same of PyTorch's best mode.
    pub pytorch_first_step_s: f64,
}

impl Row {
    /// The line above the table.
    pub fn header(modes: &[String]) -> String {
        let modes: String = modes.iter().map(|mode| format!("{mode:>10}")).collect();
        format!(
            "{:<9}{:>10}{modes}{:>8}{:>10}{:>7}{:>10}{:>10}{:>9}{:>9}",
            "workload",
            "ours ms",
            "ratio",
            "limit ms",
            "share",
            "MiB",
            "PyTorch",
            "first s",
            "PyTorch"
        )
    }

    /// The row as a line of text.
    pub fn line(&self, modes: &[String]) -> String {
        let modes = modes
            .iter()
            .map(|mode| self.pytorch.get(mode).copied().unwrap_or(f64::NAN));
        let modes: String = modes.map(|time| format!("{time:>10.2}")).collect();
        format!(
            "{:<9}{:>10.2}{modes}{:>8.2}{:>10.2}{:>6.0}%{:>10.0}{:>10.0}{:>9.2}{:>9.2}",
            self.workload,
            self.ours_ms,
            self.ratio,
            self.limit_ms,
            100.0 * self.share,
            self.peak_mib,
            self.pytorch_peak_mib,
            self.first_step_s,
            self.pytorch_first_step_s,
        )
    }
}

/// The middle of some numbers.
///
/// # Panics
/// If there is none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        0 => (values[half - 1] + values[half]) / 2.0,
        _ => values[half],
    }
}

/// Prints images and GFLOP per second of our side against batch size and width.
///
/// # Errors
/// If a process fails.
pub fn scaling(program: &Path, threads: usize) -> Result<()> {
    let batches = (0..10).map(|power| (1 << power).to_string());
    let batches = batches.map(|batch| ["--batch".to_owned(), batch]);
    let widths = ["0.5", "1", "2", "4"].map(|width| ["--width".to_owned(), width.to_owned()]);
    println!(
        "{:<22}{:>10}{:>12}{:>10}",
        "workload", "ms", "images/s", "GFLOP/s"
    );
    for name in ["a", "d"] {
        for [option, value] in batches.clone().chain(widths.clone()) {
            let command = process::ours(program, threads, &[name, &option, &value]);
            let mut process = Process::start(command)?;
            let first = process.steps(1)?;
            let count = (1000.0 / first).clamp(2.0, 500.0) as u64;
            let times = (0..3).map(|_| Ok(process.steps(count)? / count as f64));
            let step = median(times.collect::<Result<_>>()?);
            println!(
                "{:<22}{step:>10.2}{:>12.0}{:>10.0}",
                format!("{name} {option} {value}"),
                process.images / step * 1e3,
                process.flops / step / 1e6,
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn a_line_fits_below_its_header() {
        let modes = ["eager".to_owned(), "tuned".to_owned()];
        let row = Row {
            workload: "a".to_owned(),
            ours_ms: 2.5,
            pytorch: BTreeMap::from([("eager".to_owned(), 5.0), ("tuned".to_owned(), 4.0)]),
            ratio: 1.6,
            limit_ms: 1.5,
            share: 0.6,
            peak_mib: 57.0,
            pytorch_peak_mib: 700.0,
            first_step_s: 0.1,
            pytorch_first_step_s: 2.0,
        };
        let (header, line) = (Row::header(&modes), row.line(&modes));
        assert_eq!(header.len(), line.len(), "\n{header}\n{line}");
    }
}
