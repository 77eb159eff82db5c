//! What the measurements come to.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use super::{
    peer::HALF,
    process::{self, Process},
};

/// What a process has shown in a comparison.
pub struct Side {
    /// Milliseconds per step, one for each round.
    pub times: Vec<f64>,
    /// The most memory that it has had.
    pub peak_mib: f64,
    /// Seconds from its start to the end of its first step.
    pub first_step_s: f64,
}

/// A workload's line of the comparison. Times are medians over the rounds.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub workload: String,
    /// Our milliseconds per step.
    pub ours_ms: f64,
    /// PyTorch's milliseconds per step, by mode.
    pub pytorch: BTreeMap<String, f64>,
    /// PyTorch's fastest mode with 32 bits throughout, if there is one.
    pub best_f32: Option<Best>,
    /// PyTorch's fastest mode of all.
    pub best: Best,
    /// The required FLOPs over the best measured rate of a product of matrices.
    pub limit_ms: f64,
    /// The limit over our time.
    pub share: f64,
    /// Our peak memory.
    pub peak_mib: f64,
    /// The peak memory of PyTorch's best mode with 32 bits, of the best of all without one.
    pub pytorch_peak_mib: f64,
    /// Seconds from the start of our process to the end of its first step.
    pub first_step_s: f64,
    /// The same of the mode whose memory is named.
    pub pytorch_first_step_s: f64,
}

/// A mode of PyTorch, against ours.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Its name.
    pub mode: String,
    /// Its time over ours: the median of the rounds' ratios.
    pub ratio: f64,
}

impl Row {
    /// Compares our side with PyTorch's modes, all with as many rounds.
    ///
    /// # Errors
    /// If there is no mode to compare with, or no arithmetic that our side counts.
    pub fn of(
        name: &str,
        ours: &Side,
        theirs: &BTreeMap<String, Side>,
        limit_ms: f64,
    ) -> Result<Self> {
        ensure!(limit_ms > 0.0, "our side names no FLOPs");
        let ours_ms = median(ours.times.clone());
        let single = theirs
            .iter()
            .filter(|(mode, _)| !HALF.contains(&mode.as_str()));
        let best = fastest(theirs.iter(), ours).context("no mode to compare with")?;
        let best_f32 = fastest(single, ours);
        let weighed = &theirs[&best_f32.as_ref().unwrap_or(&best).mode];
        let times = theirs.iter();
        let times = times.map(|(mode, peer)| (mode.clone(), median(peer.times.clone())));
        Ok(Self {
            workload: name.to_owned(),
            ours_ms,
            pytorch: times.collect(),
            limit_ms,
            share: limit_ms / ours_ms,
            peak_mib: ours.peak_mib,
            pytorch_peak_mib: weighed.peak_mib,
            first_step_s: ours.first_step_s,
            pytorch_first_step_s: weighed.first_step_s,
            best_f32,
            best,
        })
    }

    /// The two lines above the table, in Markdown.
    pub fn header(modes: &[String]) -> String {
        let mut names = vec!["ours"];
        names.extend(modes.iter().map(String::as_str));
        names.extend([
            "best f32",
            "ours over best f32",
            "best of all",
            "ours over best",
        ]);
        names.extend([
            "limit",
            "share",
            "MiB",
            "PyTorch's MiB",
            "first s",
            "PyTorch's",
        ]);
        let rule = names.iter().map(|name| match name.starts_with("best ") {
            true => "---",
            false => "---:",
        });
        let rule: Vec<&str> = rule.collect();
        format!(
            "| | {} |\n| --- | {} |",
            names.join(" | "),
            rule.join(" | ")
        )
    }

    /// The row as a line of that table.
    pub fn line(&self, modes: &[String]) -> String {
        let number = |value: f64| format!("{value:.2}");
        let times = modes.iter().map(|mode| self.pytorch.get(mode));
        let mut cells = vec![self.workload.clone(), number(self.ours_ms)];
        cells.extend(times.map(|time| time.map_or_else(absent, |time| number(*time))));
        for best in [self.best_f32.as_ref(), Some(&self.best)] {
            cells.push(best.map_or_else(absent, |best| best.mode.clone()));
            cells.push(best.map_or_else(absent, |best| format!("**{:.2}**", best.ratio)));
        }
        cells.push(number(self.limit_ms));
        cells.push(format!("{:.0} %", 100.0 * self.share));
        cells.push(format!("{:.0}", self.peak_mib));
        cells.push(format!("{:.0}", self.pytorch_peak_mib));
        cells.push(number(self.first_step_s));
        cells.push(number(self.pytorch_first_step_s));
        format!("| {} |", cells.join(" | "))
    }
}

/// What stands where nothing was measured.
fn absent() -> String {
    "–".to_owned()
}

/// The mode with the least median time, and its ratio to ours round by round.
fn fastest<'a>(modes: impl Iterator<Item = (&'a String, &'a Side)>, ours: &Side) -> Option<Best> {
    let timed = modes.map(|(mode, peer)| (median(peer.times.clone()), mode, peer));
    let (_, mode, peer) = timed.min_by(|(a, ..), (b, ..)| a.total_cmp(b))?;
    let rounds = peer.times.iter().zip(&ours.times);
    let ratios = rounds.map(|(peer, ours)| peer / ours).collect();
    Some(Best {
        mode: mode.clone(),
        ratio: median(ratios),
    })
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

    fn side(times: [f64; 3], peak_mib: f64) -> Side {
        Side {
            times: times.to_vec(),
            peak_mib,
            first_step_s: peak_mib / 100.0,
        }
    }

    fn compared(modes: &[(&str, [f64; 3], f64)]) -> Row {
        let ours = side([2.0, 4.0, 2.0], 50.0);
        let modes = modes.iter();
        let theirs = modes.map(|(mode, times, peak)| ((*mode).to_owned(), side(*times, *peak)));
        Row::of("a", &ours, &theirs.collect(), 1.5).unwrap()
    }

    #[test]
    fn each_precision_has_its_best_mode_and_a_ratio_of_the_same_rounds() {
        let row = compared(&[
            ("eager", [6.0, 6.0, 6.0], 700.0),
            ("tuned", [5.0, 5.0, 3.0], 800.0),
            ("bf16", [2.0, 1.0, 9.0], 900.0),
            ("bf16c", [4.0, 1.0, 4.0], 950.0),
        ]);
        // Medians: ours 2; eager 6, tuned 5, bf16 2, bf16c 4.
        assert_eq!((row.ours_ms, row.share), (2.0, 0.75));
        let medians: Vec<f64> = row.pytorch.values().copied().collect();
        assert_eq!(medians, [2.0, 4.0, 6.0, 5.0]);
        // 5/2, 5/4, 3/2: the median of the ratios, not the ratio 2.5 of the medians.
        let best_f32 = row.best_f32.unwrap();
        assert_eq!((best_f32.mode.as_str(), best_f32.ratio), ("tuned", 1.5));
        // 2/2, 1/4, 9/2.
        assert_eq!((row.best.mode.as_str(), row.best.ratio), ("bf16", 1.0));
        assert_eq!(
            (row.pytorch_peak_mib, row.pytorch_first_step_s),
            (800.0, 8.0)
        );
    }

    #[test]
    fn a_mode_with_32_bits_may_be_the_best_of_all() {
        let row = compared(&[
            ("bf16", [9.0, 9.0, 9.0], 900.0),
            ("tuned", [5.0, 5.0, 5.0], 800.0),
        ]);
        assert_eq!(row.best_f32, Some(row.best));
    }

    #[test]
    fn without_a_mode_of_32_bits_there_is_no_ratio_to_one() {
        let row = compared(&[("bf16", [3.0, 1.0, 9.0], 900.0)]);
        assert_eq!((row.best_f32, row.pytorch_peak_mib), (None, 900.0));
        let none = Row::of("a", &side([2.0; 3], 50.0), &BTreeMap::new(), 1.5).unwrap_err();
        assert_eq!(none.to_string(), "no mode to compare with");
        let uncounted = Row::of("a", &side([2.0; 3], 50.0), &BTreeMap::new(), 0.0).unwrap_err();
        assert_eq!(uncounted.to_string(), "our side names no FLOPs");
    }

    #[test]
    fn a_line_has_the_cells_of_its_header_also_where_a_mode_is_missing() {
        let modes = ["tuned", "compiled", "bf16"].map(str::to_owned);
        let row = compared(&[
            ("tuned", [5.0, 5.0, 3.0], 800.0),
            ("bf16", [2.0, 1.0, 9.0], 900.0),
        ]);
        let line = row.line(&modes);
        let expected = "| a | 2.00 | 5.00 | – | 2.00 | tuned | **1.50** | bf16 | **1.00** | 1.50 \
                        | 75 % | 50 | 800 | 0.50 | 8.00 |";
        assert_eq!(line, expected);
        for above in Row::header(&modes).lines() {
            assert_eq!(above.matches('|').count(), line.matches('|').count());
        }
    }
}
