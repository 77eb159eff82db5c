//! Warns of the usual ways in which a generative model stops learning.

use super::{Observer, View};
use crate::{Record, Result, StopReason};

/// The record's share of real images that the discriminator takes for real, 0 to 1.
pub const REAL_ACCURACY: &str = "discriminator/real_accuracy";
/// The record's share of generated images that the discriminator takes for generated, 0 to 1.
pub const FAKE_ACCURACY: &str = "discriminator/fake_accuracy";
/// The record's mean over pixels of the standard deviation over samples.
pub const SAMPLE_SPREAD: &str = "samples/spread";
/// The record's number of latent dimensions that carry information.
pub const ACTIVE_UNITS: &str = "test/active_units";

/// Records in a row on which the discriminator has to be perfect before it counts.
const PATIENCE: u32 = 10;
/// Spread below which all samples look the same; that of uniform noise in `[0, 1]` is 0.29.
const NO_SPREAD: f64 = 1e-3;

/// Warns, once for each cause, through `tracing`: of a discriminator that is never wrong, of samples
/// that are all alike, of a latent space that the decoder ignores.
///
/// It reads the record, so it comes after the observers that write these keys; it says nothing of
/// keys that nobody writes.
#[derive(Debug, Default)]
pub struct Collapse {
    perfect: u32,
    warned: [bool; 3],
}

impl Collapse {
    /// The warnings that `record` gives rise to for the first time.
    fn warnings(&mut self, record: &Record) -> Vec<&'static str> {
        if let (Some(real), Some(fake)) = (record.get(REAL_ACCURACY), record.get(FAKE_ACCURACY)) {
            let perfect = real == 1.0 && fake == 1.0;
            self.perfect = if perfect { self.perfect + 1 } else { 0 };
        }
        let causes = [
            (
                self.perfect >= PATIENCE,
                "the discriminator is never wrong, so the generator learns little; give it a lower \
                 learning rate, a gradient penalty or label smoothing",
            ),
            (
                record
                    .get(SAMPLE_SPREAD)
                    .is_some_and(|spread| spread < NO_SPREAD),
                "all samples look alike: the model has collapsed, or has learned nothing yet",
            ),
            (
                record.get(ACTIVE_UNITS).is_some_and(|units| units == 0.0),
                "no latent dimension carries information: the posterior has collapsed to the \
                 prior; warm the KL weight up or give free bits",
            ),
        ];
        let mut new = Vec::new();
        for (warned, (holds, warning)) in self.warned.iter_mut().zip(causes) {
            if holds && !*warned {
                *warned = true;
                new.push(warning);
            }
        }
        new
    }
}

impl Observer for Collapse {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        for warning in self.warnings(record) {
            tracing::warn!(step = view.step, "{warning}");
        }
        Ok(None)
    }

    fn replay(&mut self, record: &Record) {
        self.warnings(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::scene::record;

    #[test]
    fn a_discriminator_that_is_long_perfect_is_warned_of_once() {
        let mut collapse = Collapse::default();
        let perfect = record(1, &[(REAL_ACCURACY, 1.0), (FAKE_ACCURACY, 1.0)]);
        let counts: Vec<usize> = (0..20).map(|_| collapse.warnings(&perfect).len()).collect();
        assert_eq!(counts.iter().sum::<usize>(), 1);
        assert_eq!(counts.iter().position(|count| *count == 1), Some(9));
    }

    #[test]
    fn one_mistake_of_the_discriminator_starts_the_count_again() {
        let mut collapse = Collapse::default();
        for step in 1..30 {
            let fake = if step % 9 == 0 { 0.99 } else { 1.0 };
            let record = record(step, &[(REAL_ACCURACY, 1.0), (FAKE_ACCURACY, fake)]);
            assert!(collapse.warnings(&record).is_empty());
        }
    }

    #[test]
    fn samples_without_spread_and_a_silent_latent_space_are_warned_of() {
        let mut collapse = Collapse::default();
        let bad = record(1, &[(SAMPLE_SPREAD, 1e-5), (ACTIVE_UNITS, 0.0)]);
        assert_eq!(collapse.warnings(&bad).len(), 2);
        assert_eq!(collapse.warnings(&bad).len(), 0);
    }

    #[test]
    fn a_healthy_record_and_an_empty_one_give_no_warning() {
        let mut collapse = Collapse::default();
        let healthy = record(1, &[(SAMPLE_SPREAD, 0.2), (ACTIVE_UNITS, 7.0)]);
        assert!(collapse.warnings(&healthy).is_empty());
        assert!(collapse.warnings(&record(2, &[])).is_empty());
    }
}
