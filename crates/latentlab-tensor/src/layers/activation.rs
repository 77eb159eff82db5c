//! Activation functions, by name.

use candle_core::{Module, Result as TensorResult, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An activation function, applied entry by entry to a tensor of any shape.
///
/// The slope at the kink is 1 for `relu` (candle's; PyTorch takes 0) and 0.2 for `leaky_relu`
/// (PyTorch's): any value between the slopes of the two sides is a subgradient.
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
            Self::Silu => x.silu(),
            Self::Gelu => x.gelu_erf(),
            Self::Tanh => x.tanh(),
            Self::Sigmoid => candle_nn::ops::sigmoid(x),
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
