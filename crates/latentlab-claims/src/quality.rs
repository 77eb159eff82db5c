//! What samples of digits are worth, by the classifier that comes with the program.

use candle_core::Tensor;
use latentlab_data::Split;
use latentlab_experiment::{Error, Result};
use latentlab_metrics::{self as metrics, ClassCounts, Features, Moments};

use crate::Lab;

/// Judges samples by how they compare with MNIST's test images.
pub(crate) struct Judge<'a> {
    lab: &'a Lab,
    real: Moments,
}

/// What samples are worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quality {
    /// Fréchet distance of the classifier's features from those of the test images.
    pub frechet: f64,
    /// Share that the classifier is at least 90 % sure of.
    pub sure: f64,
    /// Digits that at least one sample in a hundred is taken for.
    pub digits: usize,
}

/// Why the samples of these trainings cannot be compared, if they cannot: a generator that leaves
/// digits out has not learned them, and how near it comes to the rest says nothing.
pub(crate) fn obstacle<'a>(qualities: impl IntoIterator<Item = &'a Quality>) -> Option<String> {
    let digits = qualities.into_iter().map(|quality| quality.digits);
    let least = digits.min().unwrap_or(0);
    (least < DIGITS).then(|| {
        format!("a training makes {least} of the {DIGITS} digits, so it has not learned them")
    })
}

/// Digits that there are.
const DIGITS: usize = 10;
/// The share of the samples from which on a digit counts as made.
const MADE: f64 = 0.01;

impl<'a> Judge<'a> {
    /// A judge who has seen all 10,000 test images.
    pub fn new(lab: &'a Lab) -> Result<Self> {
        let images = lab.mnist(Split::Test, 10_000)?.images;
        let features = Features::of(&lab.digits().of(&images)?)?;
        Ok(Self {
            lab,
            real: Moments::of(&features)?,
        })
    }

    /// What `images` `[N, 1, 28, 28]` are worth; clipped to `[0, 1]` first.
    pub fn quality(&self, images: &Tensor) -> Result<Quality> {
        let digits = self.lab.digits();
        let features = digits.of(&images.clamp(0.0, 1.0)?)?;
        let probabilities = digits
            .class_probabilities(&features)?
            .ok_or_else(|| Error::Argument("the digits have no classifier".to_owned()))?;
        let moments = Moments::of(&Features::of(&features)?)?;
        let probabilities = Features::of(&probabilities)?;
        let shares = ClassCounts::predicted(&probabilities).shares()?;
        Ok(Quality {
            frechet: metrics::frechet_distance(&self.real, &moments)?.value,
            sure: metrics::confident_share(&probabilities, 0.9)?.value,
            digits: shares.iter().filter(|share| **share >= MADE).count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_without_all_digits_are_not_compared() {
        let quality = |digits| Quality {
            frechet: 30.0,
            sure: 1.0,
            digits,
        };
        assert_eq!(obstacle(&[quality(10), quality(10)]), None);
        let found = obstacle(&[quality(10), quality(1)]).unwrap();
        assert!(
            found.starts_with("a training makes 1 of the 10 digits"),
            "{found}"
        );
    }
}
