//! Penalties on the gradient of a discriminator by its input, which keep the game stable.
//!
//! All take that gradient, `[N, …]`, as [`latentlab_tensor::input_gradient`] returns it: row `i` is
//! `∇D(xᵢ)` at a point the caller chose, and it has a gradient itself.
//!
//! ```
//! use candle_core::{Device, Tensor};
//! use latentlab_losses::penalty::r1;
//! use latentlab_tensor::input_gradient;
//!
//! # fn main() -> latentlab_tensor::Result<()> {
//! let images = Tensor::new(&[[3f64, 4.0], [0.0, 0.0]], &Device::Cpu)?;
//! let critic = |x: &Tensor| Ok(x.sqr()?.sum(1)?); // ‖x‖², whose gradient is 2x
//! let gradient = input_gradient(&images, critic)?.gradient;
//! assert_eq!(r1(&gradient, 10.0)?.to_scalar::<f64>()?, 250.0); // 10/2 · (100 + 0)/2
//! # Ok(())
//! # }
//! ```

use candle_core::Tensor;
use latentlab_tensor::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{batch_mean, sum_per_image};

/// Which deviations of the gradient's norm from its target a penalty counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sided {
    /// Only norms above the target.
    One,
    /// Norms above and below the target.
    Two,
}

/// `‖g‖²` of each image: `gradient` `[N, …]` to `[N]`, in `[0, ∞)`.
///
/// # Errors
/// If `gradient` has no dimension.
pub fn squared_gradient_norm(gradient: &Tensor) -> Result<Tensor> {
    sum_per_image(&gradient.sqr()?)
}

/// `γ/2 E ‖∇D(x)‖²` at real images `x` (Mescheder et al. 2018, eq. 9).
///
/// `gradient` `[N, …]` to `[]`, in `[0, ∞)`. `gamma` has no default that suits all: it grows with the
/// number of pixels, 10 in the paper.
pub fn r1(gradient: &Tensor, gamma: f64) -> Result<Tensor> {
    Ok((batch_mean(&squared_gradient_norm(gradient)?)? * (0.5 * gamma))?)
}

/// `γ/2 E ‖∇D(x)‖²` at generated images `x` (Mescheder et al. 2018, eq. 10): [`r1`] elsewhere.
///
/// `gradient` `[N, …]` to `[]`, in `[0, ∞)`.
pub fn r2(gradient: &Tensor, gamma: f64) -> Result<Tensor> {
    r1(gradient, gamma)
}

/// `λ E (‖∇D(x)‖ − c)²`, with `c` the `target_norm` and `λ` the `weight`; [`Sided::One`] counts the
/// positive part of the difference only.
///
/// `gradient` `[N, …]` to `[]`, in `[0, ∞)`. WGAN-GP takes it at points of [`interpolate`], two-sided,
/// with `c = 1` and `λ = 10` (Gulrajani et al. 2017, eq. 3); DRAGAN takes the same at points of
/// [`dragan_perturb`] (Kodali et al. 2017). A gradient of exactly 0 has a finite derivative: the root
/// is that of `‖g‖² + 10⁻¹²`.
pub fn wgan_gp(gradient: &Tensor, target_norm: f64, sided: Sided, weight: f64) -> Result<Tensor> {
    let norm = (squared_gradient_norm(gradient)? + 1e-12)?.sqrt()?; // [N]
    let excess = (norm - target_norm)?;
    let counted = match sided {
        Sided::One => excess.relu()?,
        Sided::Two => excess,
    };
    Ok((batch_mean(&counted.sqr()?)? * weight)?)
}

/// `ε x + (1 − ε) x̃`, a point between each real and each generated image (Gulrajani et al. 2017,
/// algorithm 1).
///
/// `real` and `fake` `[N, …]`, `epsilon` `[N]` uniform in `[0, 1)`, to `[N, …]`.
///
/// # Errors
/// If the shapes do not fit.
pub fn interpolate(real: &Tensor, fake: &Tensor, epsilon: &Tensor) -> Result<Tensor> {
    let mut dims = vec![1; real.rank()];
    dims[0] = real.dim(0)?;
    let epsilon = epsilon.reshape(dims)?; // [N, 1, …]
    Ok((fake + (real - fake)?.broadcast_mul(&epsilon)?)?)
}

/// `x + ½ s u`, a real image with noise in proportion to the deviation `s` of all pixels of the batch.
///
/// `real` and `noise` `u` `[N, …]`, the noise uniform in `[0, 1)`, to `[N, …]`. Kodali et al. (2017)
/// write the noise as Gaussian of a fixed variance; the uniform one is what their program uses, and
/// it takes the penalty at an [`interpolate`]d point between the image and the perturbed image.
///
/// # Errors
/// If the shapes differ.
pub fn dragan_perturb(real: &Tensor, noise: &Tensor) -> Result<Tensor> {
    let centred = real.broadcast_sub(&real.mean_all()?)?;
    let deviation = centred.sqr()?.mean_all()?.sqrt()?; // []
    Ok((real + (noise * 0.5)?.broadcast_mul(&deviation)?)?)
}
