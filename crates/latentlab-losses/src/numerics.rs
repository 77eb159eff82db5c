//! Logarithms of sums of exponentials that neither overflow nor lose their gradient.
//!
//! Each takes the largest exponent out before it exponentiates. That exponent is detached: it
//! cancels in the formula, so it must not appear in the derivative, where its kinks and ties would
//! show (candle's relu and max have derivative 1 at every tie).

use candle_core::{Tensor, shape::Dim};
use latentlab_tensor::Result;

/// `ln(1 + eˣ)`, elementwise, any shape; in `[0, ∞)`.
///
/// Computed as `m + ln(eˣ⁻ᵐ + e⁻ᵐ)` with `m = max(x, 0)` held constant, so that the derivative is
/// `σ(x)` and the second one `σ(x) σ(−x)`, everywhere and also at 0. Finite for every finite `x`.
/// For `x < −17` the value rounds to 0 in `f32`, the derivative does not.
///
/// ```
/// use candle_core::{Device, Var};
/// let x = Var::new(&[-1e4f32, 0.0, 1e4], &Device::Cpu)?;
/// let y = latentlab_losses::numerics::softplus(&x).unwrap();
/// assert_eq!(y.to_vec1::<f32>()?, [0.0, 2f32.ln(), 1e4]);
/// assert_eq!(y.backward()?.get(&x).unwrap().to_vec1::<f32>()?, [0.0, 0.5, 1.0]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn softplus(x: &Tensor) -> Result<Tensor> {
    let max = x.detach().relu()?;
    let sum = ((x - &max)?.exp()? + max.neg()?.exp()?)?;
    Ok((max + sum.log()?)?)
}

/// `ln σ(x) = −softplus(−x)`, elementwise, any shape; in `(−∞, 0]`.
pub fn log_sigmoid(x: &Tensor) -> Result<Tensor> {
    Ok(softplus(&x.neg()?)?.neg()?)
}

/// `ln (1/K Σₖ exp xₖ)` over dimension `dim` of size `K`, which is dropped: for `dim` 0, `[K, N]`
/// to `[N]`. Between the mean and the largest of the entries.
///
/// The gradient is the softmax. An entry of −∞ counts as a term 0, as long as not all are.
pub fn log_mean_exp(x: &Tensor, dim: impl Dim) -> Result<Tensor> {
    let dim = dim.to_index(x.shape(), "log_mean_exp")?;
    let max = x.detach().max_keepdim(dim)?;
    let mean = x.broadcast_sub(&max)?.exp()?.mean(dim)?;
    Ok((mean.log()? + max.squeeze(dim)?)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    // import torch; x = torch.tensor([-20., -1., 0., .5, 20.], dtype=torch.float64)
    // torch.nn.functional.softplus(x, threshold=100)
    const X: [f64; 5] = [-20.0, -1.0, 0.0, 0.5, 20.0];
    const SOFTPLUS: [f64; 5] = [
        2.061153620314381e-9,
        0.31326168751822286,
        std::f64::consts::LN_2,
        0.9740769841801067,
        20.000000002061153,
    ];

    #[test]
    fn softplus_and_log_sigmoid_agree_with_pytorch() -> Result<()> {
        let x = Tensor::new(&X, &Device::Cpu)?;
        let values = softplus(&x)?.to_vec1::<f64>()?;
        let mirrored = log_sigmoid(&x.neg()?)?.to_vec1::<f64>()?;
        for ((value, mirror), expected) in values.iter().zip(mirrored).zip(SOFTPLUS) {
            assert!((value - expected).abs() < 1e-14, "{value} != {expected}");
            assert_eq!(mirror, -value);
        }
        Ok(())
    }

    #[test]
    fn the_slope_of_softplus_is_the_sigmoid_down_to_its_tail() -> Result<()> {
        let x = Var::new(&[-80f32, -20.0, 0.0, 1e4], &Device::Cpu)?;
        let slope = softplus(&x)?.backward()?.remove(&x).expect("x is used");
        for (slope, x) in slope.to_vec1::<f32>()?.into_iter().zip(x.to_vec1::<f32>()?) {
            let sigmoid = 1.0 / (1.0 + f64::from(-x).exp());
            assert!(
                (f64::from(slope) / sigmoid - 1.0).abs() < 1e-5,
                "{x}: {slope}"
            );
        }
        Ok(())
    }

    #[test]
    fn log_mean_exp_of_equal_entries_is_the_entry_at_any_size() -> Result<()> {
        for size in [-1e30f32, -200.0, 0.0, 200.0, 1e30] {
            let x = Var::from_tensor(&Tensor::full(size, (4, 2), &Device::Cpu)?)?;
            let value = log_mean_exp(&x, 0)?;
            assert_eq!(value.to_vec1::<f32>()?, [size, size]);
            let gradient = value.backward()?.remove(&x).expect("x is used");
            assert_eq!(gradient.to_vec2::<f32>()?, [[0.25; 2]; 4]);
        }
        Ok(())
    }

    #[test]
    fn log_mean_exp_counts_minus_infinity_as_nothing() -> Result<()> {
        // ln((e⁰ + 0) / 2)
        let x = Tensor::new(&[[0f64, f64::NEG_INFINITY]], &Device::Cpu)?;
        assert_eq!(log_mean_exp(&x, 1)?.to_vec1::<f64>()?, [-2f64.ln()]);
        Ok(())
    }
}
