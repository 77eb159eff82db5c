//! How badly a classifier explains labels: one value for each image.

use candle_core::{D, DType, Tensor};
use latentlab_tensor::Result;

use crate::numerics::log_mean_exp;

/// `−ln softmax(l)_y = ln Σₖ exp lₖ − l_y`: `logits` `[N, K]` and `labels` `[N]`, `u32` below K, to
/// `[N]`, nats per image, in `[0, ∞)`.
///
/// Finite for every finite logit, with gradient `softmax(l) − onehot(y)`. Labels are not read: one
/// beyond the classes counts as a class of logit 0.
///
/// ```
/// use candle_core::{Device, Tensor};
/// use latentlab_losses::classification::cross_entropy;
/// let logits = Tensor::new(&[[0f64, 0.0], [1e4, 0.0]], &Device::Cpu)?;
/// let labels = Tensor::new(&[1u32, 1], &Device::Cpu)?;
/// let loss = cross_entropy(&logits, &labels).unwrap();
/// assert_eq!(loss.to_vec1::<f64>()?, [2f64.ln(), 1e4]);
/// # Ok::<(), candle_core::Error>(())
/// ```
///
/// # Errors
/// If the shapes do not fit.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (_, classes) = logits.dims2()?;
    let normaliser = (log_mean_exp(logits, D::Minus1)? + (classes as f64).ln())?;
    let order = Tensor::arange(0, classes as u32, logits.device())?; // [K]
    let chosen = labels.to_dtype(DType::U32)?.unsqueeze(1)?; // [N, 1]
    let one_hot = chosen.broadcast_eq(&order)?.to_dtype(logits.dtype())?; // [N, K]
    Ok((normaliser - (logits * one_hot)?.sum(D::Minus1)?)?)
}
