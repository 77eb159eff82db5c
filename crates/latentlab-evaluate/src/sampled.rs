//! Samples looked at as they are made: features, sums and a few of them are kept, the rest is not.

use candle_core::Tensor;
use latentlab_core::{Criticise, Result, Sample};
use latentlab_metrics::{Features, Figure, PixelDeviation};
use latentlab_tensor::Rng;

use crate::{
    feature_statistics::{FeatureStatistics, Seen},
    truth::Truth,
};

/// What is looked at in samples.
#[derive(Clone, Copy, Default)]
pub(crate) struct Look<'a> {
    /// Features of each sample.
    pub likeness: Option<&'a FeatureStatistics>,
    /// How they compare with the distribution that the data were drawn from.
    pub truth: Option<&'a Truth>,
    /// What a critic says of each.
    pub critic: Option<&'a dyn Criticise>,
    /// The places, in order, of samples whose values are kept.
    pub chosen: &'a [usize],
}

/// What was seen of samples.
pub(crate) struct Sampled {
    /// The standard deviation over the samples, averaged over their values; not finite where they are
    /// no numbers, and then a critic alone has looked at them.
    pub deviation: Figure,
    /// Features and class probabilities, where there are features.
    pub seen: Option<Seen>,
    /// Figures by name, where the distribution of the data is known.
    pub truth: Vec<(&'static str, Figure)>,
    /// The values of the chosen samples, where any were.
    pub chosen: Option<Features>,
    /// The logits `[N]` of a critic, where there is one.
    pub logits: Option<Tensor>,
}

impl Look<'_> {
    /// Looks at samples `[N, C, H, W]` that come in batches.
    ///
    /// # Errors
    /// If there are none, they are of another shape than the features are for, or making them fails.
    pub fn at(&self, batches: impl Iterator<Item = Result<Tensor>>) -> Result<Sampled> {
        let mut deviation = PixelDeviation::default();
        let (mut seen, mut chosen, mut logits) = (Vec::new(), Vec::new(), Vec::new());
        // Only such distributions are known whose samples are a few numbers.
        let mut all = Vec::new();
        let mut place = 0;
        for batch in batches {
            let batch = batch?;
            deviation.add(&batch)?;
            if let Some(critic) = self.critic {
                logits.push(critic.logits(&batch)?);
            }
            if !deviation.is_finite() {
                continue;
            }
            if let Some(likeness) = self.likeness {
                seen.push(likeness.look(&batch)?);
            }
            let end = place + batch.dim(0)?;
            let within = |at: &&usize| (place..end).contains(*at);
            for at in self.chosen.iter().filter(within) {
                chosen.push(Features::of(&batch.narrow(0, at - place, 1)?)?);
            }
            place = end;
            if self.truth.is_some() {
                all.push(batch);
            }
        }
        let finite = deviation.is_finite();
        let deviation = deviation.figure()?;
        let logits = match logits.is_empty() {
            true => None,
            false => Some(Tensor::cat(&logits, 0)?),
        };
        if !finite {
            return Ok(Sampled {
                deviation: Figure {
                    value: f64::NAN,
                    ..deviation
                },
                seen: None,
                truth: Vec::new(),
                chosen: None,
                logits,
            });
        }
        let truth = match self.truth {
            Some(truth) => truth.compare(&Tensor::cat(&all, 0)?)?,
            None => Vec::new(),
        };
        Ok(Sampled {
            deviation,
            seen: (!seen.is_empty()).then(|| Seen::concat(seen)).transpose()?,
            truth,
            chosen: (!chosen.is_empty())
                .then(|| Features::concat(chosen.into_iter().map(Ok)))
                .transpose()?,
            logits,
        })
    }
}

/// `count` samples from the prior, at most `at_once` (0 is taken as 1) of them at a time: those of
/// [`Sample::sample_in_batches`], which keeps them.
pub(crate) fn draws<'a>(
    sampler: &'a dyn Sample,
    count: usize,
    at_once: usize,
    mut rng: Rng,
) -> impl Iterator<Item = Result<Tensor>> + 'a {
    let at_once = at_once.max(1);
    (0..count)
        .step_by(at_once)
        .map(move |start| sampler.sample(at_once.min(count - start), &mut rng))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn batch(values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::from_slice(
            values,
            (values.len(), 1, 1, 1),
            &Device::Cpu,
        )?)
    }

    #[test]
    fn chosen_samples_are_found_in_whichever_batch_they_are() {
        let look = Look {
            chosen: &[0, 2, 3, 5],
            ..Look::default()
        };
        let batches = [batch(&[0.0, 1.0, 2.0]), batch(&[3.0]), batch(&[4.0, 5.0])];
        let sampled = look.at(batches.into_iter()).unwrap();
        assert_eq!(sampled.chosen.unwrap().values(), [0.0, 2.0, 3.0, 5.0]);
        assert_eq!(sampled.deviation.generated, 6);
    }

    #[test]
    fn samples_that_are_no_numbers_have_no_deviation_and_nothing_else() {
        for bad in [f32::NAN, f32::INFINITY] {
            let look = Look {
                chosen: &[0],
                ..Look::default()
            };
            let batches = [batch(&[0.0, 1.0]), batch(&[bad, 1.0]), batch(&[2.0])];
            let sampled = look.at(batches.into_iter()).unwrap();
            assert!(sampled.deviation.value.is_nan() && sampled.chosen.is_none());
        }
    }
}
