//! What samples of digits are worth, by the classifier that comes with the program.

use candle_core::Tensor;
use latentlab_data::Split;
use latentlab_experiment::{Error, Result};
use latentlab_metrics::{self as metrics, Features, Moments};

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
}

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
        Ok(Quality {
            frechet: metrics::frechet_distance(&self.real, &moments)?.value,
            sure: metrics::confident_share(&Features::of(&probabilities)?, 0.9)?.value,
        })
    }
}
