//! Bounds on the log-likelihood of held-out images, in nats per image.

use candle_core::Tensor;
use latentlab_core::{Batch, Elbo, Error, Likelihood, Result};
use latentlab_tensor::Rng;

use crate::{
    Figure,
    host::{check_shape, columns, host, host_rows},
    nothing,
    scores::log_sum_exp,
};

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
/// If there are no images, the model or a batch fails, or the model returns other shapes than `[N]`
/// and `[N, D]` with one D for all batches.
pub fn evidence_bound(
    model: &dyn Likelihood,
    batches: impl IntoIterator<Item = Result<Batch>>,
    rng: &mut Rng,
) -> Result<EvidenceBound> {
    let (mut bounds, mut reconstruction, mut kl) = (Vec::new(), 0.0, Vec::new());
    for batch in batches {
        let batch = batch?;
        let elbo = model.elbo(&batch.images, rng)?;
        check(&elbo, batch.size()?, &kl)?;
        kl.resize(columns(&elbo.kl), 0.0);
        let errors = host(&elbo.reconstruction)?.to_vec1::<f64>()?;
        for (error, divergences) in errors.iter().zip(host_rows(&elbo.kl)?) {
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

/// That both parts are those of so many images, with as many latent dimensions as `known` so far, if
/// any.
fn check(elbo: &Elbo, images: usize, known: &[f64]) -> Result<()> {
    check_shape("reconstruction errors", &elbo.reconstruction, &[images])?;
    let dimensions = match known.len() {
        0 => columns(&elbo.kl),
        known => known,
    };
    let what = "divergences of the latent dimensions";
    check_shape(what, &elbo.kl, &[images, dimensions])
}

/// The importance-weighted bound with `samples` samples of z for each image (Burda et al. 2016,
/// eq. 8), averaged over all images of `batches`, in nats per image.
///
/// It is at most log p(x) in expectation and rises with the number of samples. The standard error is
/// that over images. At most `at_once` samples are drawn in one call of the model, to bound its
/// memory; nothing else grows with the number of samples.
///
/// # Errors
/// If there are no images, either number is 0, the model or a batch fails, or the model returns
/// another shape than `[draws, N]`.
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
        let size = batch.size()?;
        let mut log_sums = vec![f64::NEG_INFINITY; size];
        for start in (0..samples).step_by(at_once) {
            let draws = at_once.min(samples - start);
            let weights = model.log_weights(&batch.images, draws, rng)?; // [draws, N]
            check_shape("logarithms of the weights", &weights, &[draws, size])?;
            add(&mut log_sums, &weights)?;
        }
        bounds.extend(log_sums.iter().map(|sum| sum - (samples as f64).ln()));
    }
    if bounds.is_empty() {
        return Err(nothing("images"));
    }
    Ok(Figure::mean(&bounds, bounds.len(), 0))
}

/// Adds the weights `[draws, N]` of a chunk to the sum of each image; all are logarithms.
fn add(log_sums: &mut [f64], log_weights: &Tensor) -> Result<()> {
    let images = host_rows(&log_weights.t()?)?; // [N, draws]
    for (log_sum, mut weights) in log_sums.iter_mut().zip(images) {
        weights.push(*log_sum);
        *log_sum = log_sum_exp(&weights);
    }
    Ok(())
}
