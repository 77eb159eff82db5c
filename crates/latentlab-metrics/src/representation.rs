//! What latent vectors know of classes that nobody told them.

mod minimise;
mod neighbours;
mod probe;

use std::collections::BTreeSet;

use latentlab_core::{Error, Result};

pub use neighbours::neighbour_accuracy;
pub use probe::LinearProbe;

use crate::{Features, Figure};

/// Latent vectors with their classes.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    latent: &'a Features,
    labels: &'a [u32],
}

impl<'a> Labelled<'a> {
    /// Latent vectors `[N, D]` and the class of each, any whole number.
    ///
    /// # Errors
    /// If there is not one label for each vector.
    pub fn new(latent: &'a Features, labels: &'a [u32]) -> Result<Self> {
        if latent.count() != labels.len() {
            let problem = format!(
                "{} labels do not fit {} latent vectors: each needs one",
                labels.len(),
                latent.count()
            );
            return Err(Error::Data(problem));
        }
        Ok(Self { latent, labels })
    }

    /// The different classes, in ascending order.
    fn classes(&self) -> Vec<u32> {
        let classes: BTreeSet<u32> = self.labels.iter().copied().collect();
        classes.into_iter().collect()
    }

    /// The share of items whose class was `predicted`, with the error of a share.
    fn accuracy(&self, predicted: impl Iterator<Item = u32>) -> Figure {
        let pairs = predicted.zip(self.labels);
        let right = pairs
            .filter(|(predicted, label)| predicted == *label)
            .count();
        let count = self.labels.len();
        let share = right as f64 / count as f64;
        Figure {
            error: Some((share * (1.0 - share) / count as f64).sqrt()),
            ..Figure::new(share, count, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_other_items_are_refused() {
        let latent = Features::new(vec![0.0, 1.0], 1).unwrap();
        let message = Labelled::new(&latent, &[0]).unwrap_err().to_string();
        assert_eq!(
            message,
            "1 labels do not fit 2 latent vectors: each needs one"
        );
    }

    #[test]
    fn the_accuracy_has_the_error_of_a_share() {
        let latent = Features::new(vec![0.0; 4], 1).unwrap();
        let labelled = Labelled::new(&latent, &[0, 1, 2, 1]).unwrap();
        let accuracy = labelled.accuracy([0, 1, 2, 0].into_iter());
        assert_eq!((accuracy.value, accuracy.real), (0.75, 4));
        assert_eq!(accuracy.error, Some((0.75f64 * 0.25 / 4.0).sqrt()));
    }
}
