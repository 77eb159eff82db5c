//! How much samples are like the test images, by the features of both.

use candle_core::Tensor;
use latentlab_core::{Batch, Result};
use latentlab_metrics::{
    ClassCounts, Features, Figure, Moments, class_divergence, confident_share, frechet_distance,
};

use crate::FeatureExtractor;

/// The class probability from which on a classifier counts as sure.
pub(crate) const SURE: f64 = 0.9;
/// The share of the samples from which on a class counts as present.
const PRESENT: f64 = 0.01;

/// The test images that samples are compared with.
pub(crate) struct FeatureStatistics {
    extractor: FeatureExtractor,
    /// The features of the test images.
    pub real: Features,
    moments: Moments,
    classes: Option<ClassCounts>,
}

/// The features of samples, and their class probabilities where the features have classes.
pub(crate) struct Seen {
    pub features: Features,
    pub probabilities: Option<Features>,
}

impl Seen {
    /// What is seen of images `[N, C, H, W]`.
    fn of(extractor: &FeatureExtractor, images: &Tensor) -> Result<Self> {
        let features = extractor.of(images)?;
        let probabilities = extractor.class_probabilities(&features)?;
        Ok(Self {
            features: Features::of(&features)?,
            probabilities: probabilities.as_ref().map(Features::of).transpose()?,
        })
    }

    /// What was seen of several batches, one after the other.
    ///
    /// # Errors
    /// If there are none.
    pub fn concat(parts: Vec<Self>) -> Result<Self> {
        let (mut features, mut probabilities) = (Vec::new(), Vec::new());
        for part in parts {
            features.push(part.features);
            probabilities.extend(part.probabilities);
        }
        Ok(Self {
            features: Features::concat(features.into_iter().map(Ok))?,
            probabilities: match probabilities.is_empty() {
                true => None,
                false => Some(Features::concat(probabilities.into_iter().map(Ok))?),
            },
        })
    }
}

impl FeatureStatistics {
    /// What there is to compare with the images of `batches`.
    ///
    /// # Errors
    /// If there are fewer than two, or the features are for others.
    pub fn of(
        extractor: FeatureExtractor,
        batches: impl Iterator<Item = Result<Batch>>,
    ) -> Result<Self> {
        let parts = batches.map(|batch| Seen::of(&extractor, &batch?.images));
        let seen = Seen::concat(parts.collect::<Result<Vec<_>>>()?)?;
        Ok(Self {
            moments: Moments::of(&seen.features)?,
            classes: seen.probabilities.as_ref().map(ClassCounts::predicted),
            real: seen.features,
            extractor,
        })
    }

    /// The features of `samples` `[N, C, H, W]`.
    pub fn look(&self, samples: &Tensor) -> Result<Seen> {
        Seen::of(&self.extractor, samples)
    }

    /// Whether the features are those of a classifier.
    pub fn has_classes(&self) -> bool {
        self.classes.is_some()
    }

    /// The Fréchet distance of other images' features to those of the test images.
    pub fn distance(&self, features: &Features) -> Result<Figure> {
        frechet_distance(&self.moments, &Moments::of(features)?)
    }

    /// The figures that are cheap enough to be told during training: `frechet`, and of a
    /// classifier `sure` (the share that it is at least 90 % sure of), `classes` (those with at
    /// least one sample in a hundred) and `class_divergence` (nats).
    pub fn in_passing(&self, seen: &Seen) -> Result<Vec<(&'static str, Figure)>> {
        let mut figures = vec![("frechet", self.distance(&seen.features)?)];
        if let (Some(real), Some(probabilities)) = (&self.classes, &seen.probabilities) {
            let counts = ClassCounts::predicted(probabilities);
            let shares = counts.shares()?;
            let present = shares.iter().filter(|share| **share >= PRESENT).count();
            let sure = confident_share(probabilities, SURE)?;
            let classes = Figure {
                value: present as f64,
                ..sure
            };
            figures.extend([
                ("sure", sure),
                ("classes", classes),
                ("class_divergence", class_divergence(real, &counts)?),
            ]);
        }
        Ok(figures)
    }
}
