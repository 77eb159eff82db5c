//! Losses that explode without ceasing to be finite.

use std::collections::{BTreeMap, VecDeque};

use crate::{Record, error::LossHistory};

/// The factor beyond which a loss has exploded, where none is configured.
pub const EXPLOSION: f64 = 1e6;

/// What the key of a phase's loss ends in.
const LOSS: &str = "/loss";
/// The least size that a loss is compared with: one that starts near zero is no measure.
const FLOOR: f64 = 1.0;
/// The size beyond which a loss has exploded whatever it was before, just below the square root of
/// the largest `f32`: the square of such a gradient, which Adam and RMSprop divide by, is infinite.
const CEILING: f64 = 1e19;
/// Exploded records of a phase in a row that are no spike any more.
const IN_A_ROW: u32 = 5;
/// Records that the median is of, at most.
const RECENT: usize = 1000;

/// Tells a loss that has exploded from one that swings or grows.
///
/// A record has exploded where the size of the phase's loss, its absolute value, exceeds
///
/// ```text
/// min(1e19, factor · max(1, largest size in the early part of the phase's history))
/// ```
///
/// The history is the phase's loss in the first step in which it ran, then every record that had not
/// exploded. Its early part is the first 2^k of them, 2^k being the largest power of two that is at
/// most half of their number. A phase has diverged when 5 of its records in a row have exploded, or
/// when the last record of the run has.
///
/// # Why so
///
/// - *A large factor.* Least-squares and Wasserstein losses swing over three or four orders of
///   magnitude, cross zero and recover. A network of three layers whose weights are ten times too
///   large has a loss that is 10^6 times too large; one whose weights are a hundred times too large,
///   10^12 times. Losses below a million never count, so that one that starts at 10^-6 may grow.
/// - *Several in a row.* A spike that the optimizer recovers from within a few records is none.
/// - *The early part, not all before.* Were a loss compared with the largest before, an explosion
///   that takes several records would raise its own limit. Compared with the first quarter to half of
///   the history, a loss that grows as t^p is at most 7^p times as large (4^p later on): the critic of
///   a Wasserstein GAN without a penalty, whose loss grows linearly or as the product of its layers'
///   weights, is left alone up to p = 7. One that grows by a constant factor in each record is met.
/// - *The first loss beside the records.* A rate that is far too high does its work in the first
///   steps, before anything is recorded.
/// - *A ceiling.* It holds where the first loss is not known, and says at once what the optimizer's
///   arithmetic cannot do.
///
/// All of it is a function of the first losses and of the records, so that a resumed run decides as
/// the uninterrupted one. Memory and time do not grow with the number of records.
#[derive(Debug)]
pub(super) struct Explosion {
    /// 0: nothing ever explodes.
    factor: f64,
    phases: BTreeMap<String, Losses>,
}

impl Explosion {
    pub(super) fn new(factor: f64) -> Self {
        Self {
            factor,
            phases: BTreeMap::new(),
        }
    }

    /// Whether any loss of the phase is known.
    pub(super) fn knows(&self, phase: &str) -> bool {
        self.phases.contains_key(phase)
    }

    /// Takes note of a phase's loss in the first step in which it ran, unless one is known.
    pub(super) fn begin(&mut self, phase: &str, loss: f64) {
        if !self.knows(phase) && loss.is_finite() {
            self.phases.insert(phase.to_owned(), Losses::new(loss));
        }
    }

    /// Counts a record. The phases whose loss it holds can then be asked for.
    pub(super) fn count(&mut self, record: &Record) {
        for (key, loss) in record.iter() {
            let Some(phase) = key.strip_suffix(LOSS).filter(|_| loss.is_finite()) else {
                continue;
            };
            self.begin(phase, loss);
            if let Some(losses) = self.phases.get_mut(phase) {
                losses.count(self.factor, loss);
            }
        }
    }

    /// Whether the phase has diverged by the last record that holds its loss; `is_last` tells that no
    /// other will follow.
    pub(super) fn has_diverged(&self, phase: &str, is_last: bool) -> bool {
        let needed = if is_last { 1 } else { IN_A_ROW };
        let losses = self.phases.get(phase);
        losses.is_some_and(|losses| losses.in_a_row >= needed)
    }

    /// What the phase's losses were before those that have exploded.
    pub(super) fn history(&self, phase: &str) -> Option<LossHistory> {
        let losses = self.phases.get(phase)?;
        Some(LossHistory {
            first: losses.first,
            median: median(&losses.recent),
            exploded: losses.in_a_row,
            limit: losses.limit(self.factor),
        })
    }
}

/// What is remembered of one phase.
#[derive(Debug)]
struct Losses {
    first: f64,
    /// Length of the history, and the largest size in it.
    count: u64,
    largest: f64,
    /// The largest size when the length was a power of two: the last one, and the one before.
    at_powers: [f64; 2],
    recent: VecDeque<f64>,
    /// Exploded records since the last that was not.
    in_a_row: u32,
}

impl Losses {
    fn new(first: f64) -> Self {
        Self {
            first,
            count: 1,
            largest: first.abs(),
            at_powers: [first.abs(); 2],
            recent: VecDeque::from([first]),
            in_a_row: 0,
        }
    }

    fn limit(&self, factor: f64) -> f64 {
        match factor {
            0.0 => f64::INFINITY,
            factor => (factor * self.at_powers[1].max(FLOOR)).min(CEILING),
        }
    }

    fn count(&mut self, factor: f64, loss: f64) {
        if loss.abs() > self.limit(factor) {
            self.in_a_row = self.in_a_row.saturating_add(1);
            return;
        }
        self.in_a_row = 0;
        self.count += 1;
        self.largest = self.largest.max(loss.abs());
        if self.count.is_power_of_two() {
            self.at_powers = [self.largest, self.at_powers[0]];
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(loss);
    }
}

fn median(values: &VecDeque<f64>) -> f64 {
    let mut sorted: Vec<f64> = values.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

#[cfg(test)]
mod tests;
