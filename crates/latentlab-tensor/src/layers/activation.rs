//! Activation functions, by name.

use candle_core::{Module, Result as TensorResult, Tensor};
use candle_nn::ops::sigmoid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fused;
use crate::kernels::{self, Curve};

/// An activation function, applied entry by entry to a tensor of any shape.
///
/// The slope at the kink is 0 for `relu` and 0.2 for `leaky_relu`, as in PyTorch: any value between
/// the slopes of the two sides is a subgradient. candle's own functions differ there, the derivative
/// of its `silu` turns NaN in the second order below about −88 in `f32`, and that of its `gelu_erf`
/// is cut to six digits; so these are composed of others, or computed by a kernel.
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

/// The slope of `leaky_relu` below 0.
const LEAK: f64 = 0.2;

impl Activation {
    /// The function as kernels know it, if its slope can be told from its value.
    pub(super) fn curve(self) -> Option<Curve> {
        match self {
            Self::Relu => Some(Curve::Leaky(0.0)),
            Self::LeakyRelu => Some(Curve::Leaky(LEAK as f32)),
            Self::Elu => Some(Curve::Elu),
            Self::Tanh => Some(Curve::Tanh),
            Self::Sigmoid => Some(Curve::Sigmoid),
            Self::Identity => Some(Curve::Identity),
            Self::Silu | Self::Gelu => None,
        }
    }

    /// The function in candle's operations, for every device and type.
    pub(super) fn compose(self, x: &Tensor) -> TensorResult<Tensor> {
        match self {
            Self::Relu => leaky_relu(x, 0.0),
            Self::LeakyRelu => leaky_relu(x, LEAK),
            Self::Elu => x.elu(1.0),
            Self::Silu => x * sigmoid(x)?,
            Self::Gelu => x * (x / 2f64.sqrt())?.erf()?.affine(0.5, 0.5)?,
            Self::Tanh => x.tanh(),
            Self::Sigmoid => sigmoid(x),
            Self::Identity => Ok(x.clone()),
        }
    }
}

impl Module for Activation {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        match self.curve() {
            Some(Curve::Identity) => Ok(x.clone()),
            Some(curve) if kernels::is_for(&[x]) => fused::activate(x, curve),
            _ => self.compose(x),
        }
    }
}

/// The input times its slope.
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
        for (activation, slope) in [(Activation::Relu, 0.0), (Activation::LeakyRelu, 0.2)] {
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
