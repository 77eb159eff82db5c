//! The likelihood of 256 grey levels under a logistic density cut into bins.

use candle_core::Tensor;
use latentlab_tensor::Result;

use crate::{
    numerics::{log_sigmoid, softplus},
    sum_per_image,
};

/// The distance between two of the 256 grey levels of an image in `[0, 1]`.
const STEP: f64 = 1.0 / 255.0;

/// `−Σ ln [σ((x + 1/510 − μ)/s) − σ((x − 1/510 − μ)/s)]`, nats per image: a true likelihood of grey
/// images (Salimans et al. 2017, PixelCNN++, eq. 2; Kingma et al. 2016).
///
/// `mean` `μ` and `target` `x` `[N, …]`, `log_scale` `ln s` of the same shape or one that broadcasts
/// to it, to `[N]`, in `[0, ∞)`. All three live on the scale of images in `[0, 1]`, whose levels are
/// the multiples of 1/255 (the paper's images are in `[−1, 1]`: its scale is twice this one). The
/// lowest and the highest level reach to −∞ and ∞, so the 256 probabilities add up to 1. The
/// derivative by `target` is that of the formula within a level.
///
/// With `a` and `b` the two arguments, `σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b−a))`, and each factor has
/// a logarithm that stays accurate far from the mean. Finite for `ln s` in `[−70, 70]` and means up to 10⁴, in `f32`.
///
/// # Errors
/// If the shapes do not fit.
pub fn discretised_logistic_nll(
    mean: &Tensor,
    log_scale: &Tensor,
    target: &Tensor,
) -> Result<Tensor> {
    let rate = log_scale.neg()?.exp()?.broadcast_as(mean.shape())?; // 1/s
    let centred = (target - mean)?;
    let upper = ((&centred + 0.5 * STEP)? * &rate)?;
    let lower = ((&centred - 0.5 * STEP)? * &rate)?;
    // ln(1 − e⁻ᵈ) = ln tanh(d/2) + ln(1 + e⁻ᵈ), which loses no digits to the difference for small d.
    let width = (rate * STEP)?;
    let log_width = ((&width * 0.5)?.tanh()?.log()? + softplus(&width.neg()?)?)?;

    let not_lowest = target.gt(0.5 * STEP)?.to_dtype(target.dtype())?;
    let not_highest = target.lt(1.0 - 0.5 * STEP)?.to_dtype(target.dtype())?;
    let inner = (&not_lowest * &not_highest)?;
    let below_upper = (log_sigmoid(&upper)? * not_highest)?;
    let above_lower = (log_sigmoid(&lower.neg()?)? * not_lowest)?;
    let log_likelihood = ((below_upper + above_lower)? + (log_width * inner)?)?;
    Ok(sum_per_image(&log_likelihood)?.neg()?)
}
