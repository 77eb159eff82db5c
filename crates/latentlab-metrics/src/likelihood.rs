//! Bounds on the log-likelihood of held-out images, in nats per image.

use candle_core::{DType, Tensor};
use latentlab_core::{Batch, Error, Likelihood, Result};
use latentlab_tensor::Rng;

use crate::{Figure, nothing};

/// A latent dimension is active if it carries more than this many nats, on average over images.
pub const ACTIVE: f64 = 0.01;

/// Means over images of the evidence lower bound and its parts, nats per image.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceBound {
    /// `-log p(x|z)` at one sample of z for each image.
    pub reconstruction: f64,
    /// `KL(q(z|x) ‖ p(z))` of each latent dimension.
    pub kl_per_dimension: Vec<f64>,
    /// The lower bound on `log p(x)`, `-reconstruction - kl`; its standard error is that over images.
    pub elbo: Figure,
}

impl EvidenceBound {
    /// `KL(q(z|x) ‖ p(z))`, summed over the latent dimensions.
    pub fn kl(&self) -> f64 {
        self.kl_per_dimension.iter().sum()
    }

    /// The number of latent dimensions whose KL divergence exceeds [`ACTIVE`]. (Burda et al. 2016
    /// count by the variance of the posterior mean instead.)
    pub fn active_units(&self) -> usize {
        self.kl_per_dimension
            .iter()
            .filter(|kl| **kl > ACTIVE)
            .count()
    }
}

/// The evidence lower bound of a model (Kingma and Welling 2014, eq. 3), over all images of
/// `batches`, with one sample of z for each.
///
/// # Errors
/// If there are no images, or the model or a batch fails.
pub fn evidence_bound(
    model: &dyn Likelihood,
    batches: impl IntoIterator<Item = Result<Batch>>,
    rng: &mut Rng,
) -> Result<EvidenceBound> {
    let (mut bounds, mut reconstruction, mut kl) = (Vec::new(), 0.0, Vec::new());
    for batch in batches {
        let elbo = model.elbo(&batch?.images, rng)?;
        let errors = elbo.reconstruction.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        for (error, divergences) in errors.iter().zip(rows(&elbo.kl)?) {
            kl.resize(divergences.len(), 0.0);
            let sums = kl.iter_mut().zip(&divergences);
            sums.for_each(|(sum, divergence)| *sum += divergence);
            bounds.push(-error - divergences.iter().sum::<f64>());
            reconstruction += error;
        }
    }
    if bounds.is_empty() {
        return Err(nothing("images"));
    }
    let count = bounds.len() as f64;
    kl.iter_mut().for_each(|sum| *sum /= count);
    Ok(EvidenceBound {
        reconstruction: reconstruction / count,
        kl_per_dimension: kl,
        elbo: Figure::mean(&bounds, bounds.len(), 0),
    })
}

/// The importance-weighted bound with `samples` samples of z for each image (Burda et al. 2016,
/// eq. 8), averaged over all images of `batches`, in nats per image.
///
/// It is at most log p(x) in expectation and rises with the number of samples. The standard error is
/// that over images. At most `at_once` samples are drawn in one call of the model, to bound its
/// memory; nothing else grows with the number of samples.
///
/// # Errors
/// If there are no images, either number is 0, or the model or a batch fails.
pub fn importance_bound(
    model: &dyn Likelihood,
    batches: impl IntoIterator<Item = Result<Batch>>,
    samples: usize,
    at_once: usize,
    rng: &mut Rng,
) -> Result<Figure> {
    if samples == 0 || at_once == 0 {
        let problem = format!("cannot average {samples} samples, {at_once} at once");
        return Err(Error::Data(problem));
    }
    let mut bounds = Vec::new();
    for batch in batches {
        let batch = batch?;
        let mut sums = vec![LogSum::default(); batch.size()?];
        for start in (0..samples).step_by(at_once) {
            let draws = at_once.min(samples - start);
            let weights = model.log_weights(&batch.images, draws, rng)?; // [draws, N]
            add(&mut sums, &weights)?;
        }
        bounds.extend(sums.iter().map(|sum| sum.ln() - (samples as f64).ln()));
    }
    if bounds.is_empty() {
        return Err(nothing("images"));
    }
    Ok(Figure::mean(&bounds, bounds.len(), 0))
}

/// Adds the weights `[draws, N]` of a chunk to the sum of each image.
fn add(sums: &mut [LogSum], log_weights: &Tensor) -> Result<()> {
    for row in rows(log_weights)? {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, weight)| sum.add(weight));
    }
    Ok(())
}

fn rows(tensor: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(tensor.to_dtype(DType::F64)?.to_vec2()?)
}

/// The logarithm of a growing sum of exponentials, kept as `exp(largest) · rest`.
#[derive(Clone, Copy)]
struct LogSum {
    largest: f64,
    rest: f64,
}

impl Default for LogSum {
    fn default() -> Self {
        Self {
            largest: f64::NEG_INFINITY,
            rest: 0.0,
        }
    }
}

impl LogSum {
    fn add(&mut self, exponent: f64) {
        if exponent == f64::NEG_INFINITY {
            return;
        }
        if exponent > self.largest {
            self.rest *= (self.largest - exponent).exp();
            self.largest = exponent;
        }
        self.rest += (exponent - self.largest).exp();
    }

    fn ln(self) -> f64 {
        self.largest + self.rest.ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_sum(exponents: &[f64]) -> f64 {
        let mut sum = LogSum::default();
        exponents.iter().for_each(|exponent| sum.add(*exponent));
        sum.ln()
    }

    #[test]
    fn the_log_of_a_sum_survives_huge_and_tiny_exponents() {
        assert!((log_sum(&[0.0, 0.0, 0.0]) - 3f64.ln()).abs() < 1e-12);
        assert!((log_sum(&[-2000.0, -2000.0]) - (-2000.0 + 2f64.ln())).abs() < 1e-9);
        assert_eq!(log_sum(&[-2000.0, 2000.0]), 2000.0);
        assert_eq!(log_sum(&[f64::NEG_INFINITY]), f64::NEG_INFINITY);
    }

    #[test]
    fn a_weight_that_is_not_a_number_shows_in_the_sum() {
        assert!(log_sum(&[0.0, f64::NAN]).is_nan());
    }
}
