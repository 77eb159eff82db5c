//! How badly a reconstruction explains an image: one value for each image.
//!
//! All take `[N, …]` of any rank, sum over an image and return `[N]`; [`batch_mean`](crate::batch_mean)
//! makes the training loss. Those that end in `nll` are negative log likelihoods in nats per image,
//! so that they add up with a divergence of the latent to a bound on `−ln p(x)`.

mod discretised_logistic;

use std::f64::consts::TAU;

use candle_core::{Module, Tensor};
use latentlab_tensor::{Error, Result, ops::Activation};

pub use discretised_logistic::discretised_logistic_nll;

use crate::{
    fused::{self, Term},
    numerics::softplus,
    sum_per_image,
};

/// `−Σ [t ln σ(l) + (1−t) ln σ(−l)] = Σ [softplus(l) − t l]`: pixels that are on with probability
/// `σ(l)` (Kingma and Welling 2014, appendix C.1).
///
/// `logits` and `targets` `[N, …]` to `[N]`, nats per image, in `[0, ∞)`. Grey levels `t` in
/// `[0, 1]` are allowed, as the cross-entropy: its minimum over `l` is then the entropy of the
/// pixels and not 0, and it is no likelihood of the grey image. Finite for every finite logit, with
/// gradient `σ(l) − t`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_losses::reconstruction::bernoulli_nll;
/// let logits = Tensor::new(&[[0f64, 1e4], [0.0, 1e4]], &Device::Cpu)?;
/// let targets = Tensor::new(&[[0f64, 1.0], [1.0, 0.0]], &Device::Cpu)?;
/// let nll = bernoulli_nll(&logits, &targets).unwrap();
/// assert_eq!(nll.to_vec1::<f64>()?, [2f64.ln(), 2f64.ln() + 1e4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ.
pub fn bernoulli_nll(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if fused::is_for(logits, targets) {
        return Ok(fused::sum_per_image(logits, targets, Term::Bernoulli)?);
    }
    sum_per_image(&(softplus(logits)? - (targets * logits)?)?)
}

/// `Σ (x̂ − x)²`: `prediction` and `target` `[N, …]` to `[N]`, in `[0, ∞)`.
///
/// # Errors
/// If the shapes differ.
pub fn squared_error(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    if fused::is_for(prediction, target) {
        return Ok(fused::sum_per_image(prediction, target, Term::Squared)?);
    }
    sum_per_image(&(prediction - target)?.sqr()?)
}

/// `Σ (σ(l) − x)²`, the [`squared_error`] of predictions kept in (0, 1) by the logistic function:
/// `logits` and `target` `[N, …]` to `[N]`, in `[0, ∞)`.
///
/// # Errors
/// If the shapes differ.
pub fn squared_error_of_sigmoid(logits: &Tensor, target: &Tensor) -> Result<Tensor> {
    if fused::is_for(logits, target) {
        return Ok(fused::sum_per_image(logits, target, Term::SquaredSigmoid)?);
    }
    squared_error(&Activation::Sigmoid.forward(logits)?, target)
}

/// `Σ |x̂ − x|`: `prediction` and `target` `[N, …]` to `[N]`, in `[0, ∞)`.
///
/// Where the two agree, candle's slope is 1.
///
/// # Errors
/// If the shapes differ.
pub fn absolute_error(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    sum_per_image(&(prediction - target)?.abs()?)
}

/// `½ Σ [(x − μ)² e⁻ᵛ + v + ln 2π]`: pixels around `μ` with the learned log variance `v`
/// (Kingma and Welling 2014, appendix C.2).
///
/// `mean` and `target` `[N, …]`, `log_var` of the same shape or one that broadcasts to it (`[1]` for
/// a single variance, `[C, 1, 1]` for one per channel), to `[N]`. Nats per image; a density, so it
/// falls below 0 where the variance is small, and without bound as an exact fit lets it go to 0.
///
/// # Errors
/// If the shapes do not fit.
pub fn gaussian_nll(mean: &Tensor, log_var: &Tensor, target: &Tensor) -> Result<Tensor> {
    let rate = (log_var * -0.5)?.exp()?.broadcast_as(mean.shape())?; // 1/σ
    let distance = ((target - mean)? * rate)?;
    let terms = (distance.sqr()?.broadcast_add(log_var)? + TAU.ln())?;
    Ok((sum_per_image(&terms)? * 0.5)?)
}

/// `Σ [(x − μ)² / 2σ² + ½ ln 2πσ²]`: [`gaussian_nll`] with one given `variance` σ² above 0, the
/// probabilistic reading of [`squared_error`].
///
/// `mean` and `target` `[N, …]` to `[N]`, nats per image.
///
/// # Errors
/// If the shapes differ, or the variance is not a positive number.
pub fn gaussian_nll_with_variance(mean: &Tensor, target: &Tensor, variance: f64) -> Result<Tensor> {
    nll_of_error(&squared_error(mean, target)?, target, variance)
}

/// [`gaussian_nll_with_variance`] of means `σ(l)`, kept in (0, 1) by the logistic function: `logits`
/// and `target` `[N, …]` to `[N]`, nats per image.
///
/// # Errors
/// As [`gaussian_nll_with_variance`].
pub fn gaussian_nll_of_sigmoid(logits: &Tensor, target: &Tensor, variance: f64) -> Result<Tensor> {
    nll_of_error(&squared_error_of_sigmoid(logits, target)?, target, variance)
}

fn nll_of_error(error: &Tensor, target: &Tensor, variance: f64) -> Result<Tensor> {
    if !(variance > 0.0 && variance.is_finite()) {
        return Err(Error::Argument(format!(
            "the variance of a gaussian must be positive and finite, not {variance}"
        )));
    }
    let pixels = (target.elem_count() / target.dim(0)?) as f64;
    Ok(error.affine(0.5 / variance, 0.5 * pixels * (TAU * variance).ln())?)
}
