//! Gaussians with a diagonal covariance: log densities and divergences in closed form.
//!
//! Variances come as logarithms, `v = ln σ²`, since any real number is then a valid one.

use std::f64::consts::TAU;

use candle_core::{D, Tensor};
use latentlab_tensor::Result;

use crate::{
    fused::{self, Term},
    sum_per_image,
};

/// `½ (μ² + eᵛ − v − 1)`, the divergence `KL(N(μ, eᵛ) ‖ N(0, 1))` of each latent dimension
/// (Kingma and Welling 2014, appendix B).
///
/// `mu` and `log_var` `[N, D]` (or any other shape) to the same shape, in nats. At least 0, and 0
/// only at `μ = v = 0`; below 1e-7 the rounding of `f32` decides.
///
/// # Errors
/// If the shapes differ.
pub fn gaussian_kl_per_dimension(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    let variance_part = ((log_var.exp()? - log_var)? - 1.0)?;
    Ok(((mu.sqr()? + variance_part)? * 0.5)?)
}

/// `½ Σ (μ² + eᵛ − v − 1)`, the divergence of a posterior from the standard normal prior
/// (Kingma and Welling 2014, appendix B).
///
/// `mu` and `log_var` `[N, D]` (or `[N, …]`) to `[N]`, nats per image, in `[0, ∞)`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_losses::divergence::gaussian_kl;
/// let mu = Tensor::new(&[[3f64, 4.0], [0.0, 0.0]], &Device::Cpu)?;
/// let kl = gaussian_kl(&mu, &mu.zeros_like()?).unwrap();
/// assert_eq!(kl.to_vec1::<f64>()?, [12.5, 0.0]); // half the squared distance of the means
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If the shapes differ.
pub fn gaussian_kl(mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    if fused::is_for(mu, log_var) {
        return Ok(fused::sum_per_image(mu, log_var, Term::Divergence)?);
    }
    sum_per_image(&gaussian_kl_per_dimension(mu, log_var)?)
}

/// `½ Σ [(μ_q − μ_p)² / e^v_p + e^(v_q − v_p) − (v_q − v_p) − 1]`, the divergence
/// `KL(N(μ_q, e^v_q) ‖ N(μ_p, e^v_p))`.
///
/// All `[N, D]`, or of a shape that broadcasts with it (`[D]` for a learned prior), to `[N]`, nats
/// per image, in `[0, ∞)`. Scaling both by the deviation of `p` leaves it unchanged and makes `p`
/// the standard normal.
///
/// # Errors
/// If the shapes do not fit.
pub fn gaussian_kl_between(
    mu_q: &Tensor,
    log_var_q: &Tensor,
    mu_p: &Tensor,
    log_var_p: &Tensor,
) -> Result<Tensor> {
    let rate_p = (log_var_p * -0.5)?.exp()?; // 1/σ_p
    let mu = mu_q.broadcast_sub(mu_p)?.broadcast_mul(&rate_p)?;
    gaussian_kl(&mu, &log_var_q.broadcast_sub(log_var_p)?)
}

/// `−½ Σ [(z − μ)² e⁻ᵛ + v + ln 2π]`, the log density of `N(μ, eᵛ)` at `z`, in nats.
///
/// Summed over the last dimension after broadcasting: `z` `[K, N, D]` with `mu` and `log_var`
/// `[N, D]` gives `[K, N]`, and `[N, D]` gives `[N]`.
///
/// # Errors
/// If the shapes do not broadcast.
pub fn gaussian_log_density(z: &Tensor, mu: &Tensor, log_var: &Tensor) -> Result<Tensor> {
    // Scaled before it is squared: (z − μ)² times e⁻ᵛ would overflow twice as early.
    let distance = z
        .broadcast_sub(mu)?
        .broadcast_mul(&(log_var * -0.5)?.exp()?)?;
    let terms = (distance.sqr()?.broadcast_add(log_var)? + TAU.ln())?;
    Ok((terms.sum(D::Minus1)? * -0.5)?)
}

/// `−½ Σ (z² + ln 2π)`, the log density of the standard normal at `z`, in nats: `[…, D]` to `[…]`.
///
/// # Errors
/// If `z` has no dimension.
pub fn standard_normal_log_density(z: &Tensor) -> Result<Tensor> {
    Ok(((z.sqr()? + TAU.ln())?.sum(D::Minus1)? * -0.5)?)
}
