//! The squared maximum mean discrepancy between two sets of samples.
//!
//! `MMD²(P, Q) = E k(x, x') + E k(y, y') − 2 E k(x, y)`, the squared distance of the means of two
//! distributions in the feature space of a kernel: 0 only for `P = Q` with either kernel here.

use candle_core::Tensor;
use latentlab_tensor::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The similarity of two points at squared distance `d²`, in `(0, 1]`, 1 at distance 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kernel {
    /// `exp(−d² / 2σ²)`: sees little beyond a few bandwidths (Gretton et al. 2012).
    Rbf {
        /// `σ`, the distance at which the similarity has fallen to `e^(−1/2)`; above 0.
        bandwidth: f64,
    },
    /// `C / (C + d²)`: heavy tails, so far points still attract (Tolstikhin et al. 2018, section 4,
    /// with `C = 2 d σ²` for a latent of `d` dimensions and a prior of variance `σ²`).
    InverseMultiquadric {
        /// `C`, the squared distance at which the similarity has fallen to one half; above 0.
        scale: f64,
    },
}

impl Kernel {
    /// The similarity of every pair: `x` `[N, D]` and `y` `[M, D]` to `[N, M]`.
    fn pairs(self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        // ‖x − y‖² = ‖x‖² + ‖y‖² − 2 x·y holds N·M numbers, the differences themselves N·M·D.
        let squares = x
            .sqr()?
            .sum_keepdim(1)? // [N, 1]
            .broadcast_add(&y.sqr()?.sum(1)?)?; // [N, M]
        let distance = (squares - (x.matmul(&y.t()?)? * 2.0)?)?;
        match self {
            Self::Rbf { bandwidth } => {
                let bandwidth = positive("bandwidth", bandwidth)?;
                Ok((distance * (-0.5 / (bandwidth * bandwidth)))?.exp()?)
            }
            Self::InverseMultiquadric { scale } => {
                let scale = positive("scale", scale)?;
                Ok((distance * (1.0 / scale))?.affine(1.0, 1.0)?.recip()?)
            }
        }
    }
}

/// The estimate over all pairs, each sample with itself too (Gretton et al. 2012, eq. 5).
///
/// `x` `[N, D]` and `y` `[M, D]` to `[]`, in `[0, 2]`. A squared distance of two means, so never below
/// 0 but for rounding, and 0 for equal sets; in expectation too large by at most `1/N + 1/M`.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_losses::divergence::{Kernel, mmd_biased};
/// let x = Tensor::new(&[[0f64, 0.0]], &Device::Cpu)?;
/// let y = Tensor::new(&[[0f64, 1.0]], &Device::Cpu)?;
/// let mmd = mmd_biased(&x, &y, Kernel::InverseMultiquadric { scale: 1.0 }).unwrap();
/// assert_eq!(mmd.to_scalar::<f64>()?, 1.0); // 1 + 1 − 2 · 1/2
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit, or the kernel's width is not positive and finite.
pub fn mmd_biased(x: &Tensor, y: &Tensor, kernel: Kernel) -> Result<Tensor> {
    let within_x = kernel.pairs(x, x)?.mean_all()?;
    let within_y = kernel.pairs(y, y)?.mean_all()?;
    let across = kernel.pairs(x, y)?.mean_all()?;
    Ok(((within_x + within_y)? - (across * 2.0)?)?)
}

/// The estimate over pairs of different samples, right in expectation (Gretton et al. 2012, eq. 3).
///
/// `x` `[N, D]` and `y` `[M, D]` to `[]`, in `[−2, 2]`: around 0, so also below it, where the two
/// distributions are the same.
///
/// # Errors
/// As [`mmd_biased`], and if either has fewer than two samples.
pub fn mmd_unbiased(x: &Tensor, y: &Tensor, kernel: Kernel) -> Result<Tensor> {
    let within_x = mean_off_diagonal(&kernel.pairs(x, x)?)?;
    let within_y = mean_off_diagonal(&kernel.pairs(y, y)?)?;
    let across = kernel.pairs(x, y)?.mean_all()?;
    Ok(((within_x + within_y)? - (across * 2.0)?)?)
}

/// The mean of `[N, N]` without its diagonal, which is 1 throughout in a matrix of similarities.
fn mean_off_diagonal(similarities: &Tensor) -> Result<Tensor> {
    let count = similarities.dim(0)?;
    if count < 2 {
        return Err(Error::Argument(format!(
            "the unbiased discrepancy needs two samples of each distribution, not {count}"
        )));
    }
    let count = count as f64;
    let pairs = count * (count - 1.0);
    Ok(similarities
        .sum_all()?
        .affine(1.0 / pairs, -count / pairs)?)
}

fn positive(name: &str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::Argument(format!(
        "the {name} of a kernel must be positive and finite, not {value}"
    )))
}
