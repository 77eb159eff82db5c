//! Divergences and bounds made of log densities at samples, and the free bits of a divergence.

use candle_core::Tensor;
use latentlab_tensor::{Error, Result};

use crate::numerics::log_mean_exp;

/// `1/K Σₖ [ln q(zₖ) − ln p(zₖ)]` for `zₖ` drawn from `q`: an unbiased estimate of `KL(q ‖ p)` where
/// no closed form exists.
///
/// `log_q` and `log_p` `[K, N]`, in nats, to `[N]`. The estimate of a divergence, which is at least
/// 0, can itself fall below.
///
/// # Errors
/// If the shapes differ.
pub fn monte_carlo_kl(log_q: &Tensor, log_p: &Tensor) -> Result<Tensor> {
    Ok((log_q - log_p)?.mean(0)?)
}

/// `ln 1/K Σₖ wₖ`, a lower bound on `ln p(x)` in expectation (Burda et al. 2016, eq. 8).
///
/// `log_weights` `[K, N]`, where `ln wₖ = ln p(x, zₖ) − ln q(zₖ|x)` for `zₖ` drawn from `q(z|x)`, in
/// nats, to `[N]`. One sample gives the evidence lower bound; more never lower it in expectation;
/// with the true posterior every weight is `p(x)` and the bound is exact. To be maximised.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_losses::divergence::importance_weighted_bound;
/// let log_weights = Tensor::new(&[[0f64, 7.0], [0.0, 7.0]], &Device::Cpu)?; // two samples, two images
/// let bound = importance_weighted_bound(&log_weights).unwrap();
/// assert_eq!(bound.to_vec1::<f64>()?, [0.0, 7.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If `log_weights` has no dimension.
pub fn importance_weighted_bound(log_weights: &Tensor) -> Result<Tensor> {
    log_mean_exp(log_weights, 0)
}

/// `Σ_d max(λ, mean_n KL_nd)`: the divergence of a latent, each dimension of which has `lambda` nats
/// for free (Kingma et al. 2016, section on free bits).
///
/// `kl_per_dimension` `[N, D]` to `[]`, nats per image, at least `λ D`. The mean over the batch comes
/// before the maximum: a dimension that is used for some images only is not pressed flat for the
/// others. Below `λ` the gradient is 0.
///
/// # Errors
/// If `lambda` is negative or not finite.
pub fn free_bits(kl_per_dimension: &Tensor, lambda: f64) -> Result<Tensor> {
    if !(lambda >= 0.0 && lambda.is_finite()) {
        return Err(Error::Argument(format!(
            "free bits must be at least 0 and finite, not {lambda}"
        )));
    }
    Ok(kl_per_dimension.mean(0)?.maximum(lambda)?.sum_all()?)
}
