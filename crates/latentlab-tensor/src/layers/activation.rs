//! Activation functions, by name.

use candle_core::{Module, Result as TensorResult, Tensor};
use candle_nn::ops::sigmoid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An activation function, applied entry by entry to a tensor of any shape.
///
/// The slope at the kink is 1 for `relu` (candle's; PyTorch takes 0) and 0.2 for `leaky_relu`
/// (PyTorch's): any value between the slopes of the two sides is a subgradient. Two functions are
/// composed rather than candle's own: the derivative of its `silu` turns NaN in the second order
/// below about −88 in `f32`, and that of its `gelu_erf` is cut to six digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0 and `0.2 x` below, the slope of DCGAN (Radford et al. 2016).
    LeakyRelu,
    /// `x` above 0 and `eˣ − 1` below (Clevert et al. 2016).
    Elu,
    /// `x σ(x)`.
    Silu,
    /// `x Φ(x)` with the normal distribution function Φ (Hendrycks and Gimpel 2016).
    Gelu,
    /// `tanh x`, in (−1, 1).
    Tanh,
    /// `1 / (1 + e⁻ˣ)`, in (0, 1).
    Sigmoid,
    /// `x`.
    Identity,
}

impl Module for Activation {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        match self {
            Self::Relu => x.relu(),
            Self::LeakyRelu => leaky_relu(x, 0.2),
            Self::Elu => x.elu(1.0),
            Self::Silu => x * sigmoid(x)?,
            Self::Gelu => x * (x / 2f64.sqrt())?.erf()?.affine(0.5, 0.5)?,
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Identity => Ok(x.clone()),
        }
    }
}

/// The input times its slope. candle_nn's takes four operations with a graph, this one has one, and
/// its slope at 0 is 0.6.
fn leaky_relu(x: &Tensor, slope: f64) -> TensorResult<Tensor> {
    let positive = x.gt(0.0)?.to_dtype(x.dtype())?; // 0 or 1
    x * positive.affine(1.0 - slope, slope)?
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn names_are_written_in_snake_case() {
        let name = serde_json::to_string(&Activation::LeakyRelu).unwrap();
        assert_eq!(name, r#""leaky_relu""#);
        let read: Activation = serde_json::from_str(&name).unwrap();
        assert_eq!(read, Activation::LeakyRelu);
    }

    #[test]
    fn the_slopes_at_the_kink_are_as_documented() {
        let zero = Var::new(&[0f64], &Device::Cpu).unwrap();
        for (activation, slope) in [(Activation::Relu, 1.0), (Activation::LeakyRelu, 0.2)] {
            let gradients = activation.forward(&zero).unwrap().backward().unwrap();
            let gradient = gradients.get(&zero).unwrap().to_vec1::<f64>().unwrap();
            assert_eq!(gradient, [slope], "{activation:?}");
        }
    }

    #[test]
    fn values_and_two_derivatives_stay_finite_far_out() {
        use Activation::{Elu, Gelu, Identity, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
        let far = Var::new(&[-1e4f32, -100.0, 100.0, 1e4], &Device::Cpu).unwrap();
        for activation in [Relu, LeakyRelu, Elu, Silu, Gelu, Tanh, Sigmoid, Identity] {
            let y = activation.forward(&far).unwrap();
            let first = y.sum_all().unwrap().backward().unwrap();
            let first = first.get(&far).unwrap();
            let second = first.sum_all().unwrap().backward().unwrap();
            let mut tensors = vec![&y, first];
            tensors.extend(second.get(&far)); // absent where the slope is constant
            for values in tensors {
                let values = values.to_vec1::<f32>().unwrap();
                assert!(
                    values.iter().all(|x| x.is_finite()),
                    "{activation:?} {values:?}"
                );
            }
        }
    }
}
