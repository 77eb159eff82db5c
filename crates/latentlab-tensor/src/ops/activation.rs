//! Activation functions, by name.

use candle_core::{CpuStorage, CustomOp1, Layout, Module, Result, Shape, Tensor};
use candle_nn::ops::sigmoid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use latentlab_kernels::{ActivationKind, slopes, uninitialised};

use crate::{
    autograd::apply1,
    cpu::{contiguous, is_for, tensor, view},
    is_final_backward,
};

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
    pub(super) fn kind(self) -> Option<ActivationKind> {
        match self {
            Self::Relu => Some(ActivationKind::Leaky(0.0)),
            Self::LeakyRelu => Some(ActivationKind::Leaky(LEAK as f32)),
            Self::Elu => Some(ActivationKind::Elu),
            Self::Tanh => Some(ActivationKind::Tanh),
            Self::Sigmoid => Some(ActivationKind::Sigmoid),
            Self::Identity => Some(ActivationKind::Identity),
            Self::Silu | Self::Gelu => None,
        }
    }

    /// The function in candle's operations, for every device and type.
    pub(super) fn reference(self, x: &Tensor) -> Result<Tensor> {
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
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self.kind() {
            Some(ActivationKind::Identity) => Ok(x.clone()),
            Some(kind) if is_for(&[x]) => activate(x, kind),
            _ => self.reference(x),
        }
    }
}

/// The input times its slope.
fn leaky_relu(x: &Tensor, slope: f64) -> Result<Tensor> {
    let positive = x.gt(0.0)?.to_dtype(x.dtype())?; // 0 or 1
    x * positive.affine(1.0 - slope, slope)?
}

/// `φ(x)`, any shape.
fn activate(x: &Tensor, kind: ActivationKind) -> Result<Tensor> {
    apply1(&x.contiguous()?, Activate(kind))
}

/// `gradient · φ′`, with the slope as a function of the values `y = φ(x)`, in operations that can be
/// differentiated.
pub(super) fn compose_slope(kind: ActivationKind, y: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    match kind {
        ActivationKind::Identity => Ok(gradient.clone()),
        ActivationKind::Leaky(slope) => {
            let slope = f64::from(slope);
            let positive = y.gt(0.0)?.to_dtype(y.dtype())?; // 0 or 1
            gradient * positive.affine(1.0 - slope, slope)?
        }
        // Below 0 it is eˣ = y + 1.
        ActivationKind::Elu => {
            let below = y.lt(0.0)?.to_dtype(y.dtype())?;
            gradient * ((y * below)? + 1.0)?
        }
        ActivationKind::Tanh => gradient * y.sqr()?.affine(-1.0, 1.0)?,
        ActivationKind::Sigmoid => gradient * (y * y.affine(-1.0, 1.0)?)?,
    }
}

struct Activate(ActivationKind);

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activate"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let mut y = contiguous(x, layout)?.to_vec();
        latentlab_kernels::activate_all(self.0, &mut y);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        if !is_final_backward() {
            return compose_slope(self.0, y, gradient).map(Some);
        }
        let gradient = gradient.contiguous()?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: `slopes` writes every value.
        let mut result = unsafe { uninitialised(y.elem_count()) };
        slopes(self.0, &view(y)?, &view(&gradient)?, &mut result);
        tensor(result, y.shape()).map(Some)
    }
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
