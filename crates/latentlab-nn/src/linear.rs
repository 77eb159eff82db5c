//! The linear layer: `y = x Wᵀ + b`.

use candle_core::{D, Module, Result as TensorResult, Tensor, bail};

use latentlab_tensor::{
    Init, ParamBuilder, Parameter, Result,
    ops::{self, Activation},
    reshape,
};

use crate::weight::{Bias, Weight, WeightNorm};

/// What [`linear_with`] lets a caller choose.
#[derive(Clone, Copy, Debug)]
pub struct LinearConfig {
    /// How the weight starts; uniform in ±1/√in by default, as in PyTorch.
    pub weight: Init,
    /// How the bias starts; uniform in ±1/√in by default, as in PyTorch.
    pub bias: Bias,
    /// Whether the weight is normalised; not by default.
    pub norm: WeightNorm,
}

impl Default for LinearConfig {
    fn default() -> Self {
        Self {
            weight: Init::FanInUniform,
            bias: Bias::default(),
            norm: WeightNorm::default(),
        }
    }
}

/// The linear layer `y = x Wᵀ + b`, `[N, …, in]` to `[N, …, out]`: PyTorch's `nn.Linear`.
///
/// Parameters: `weight` `[out, in]` and `bias` `[out]`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Weight,
    bias: Option<Parameter>,
}

/// Declares a linear layer with PyTorch's initial values.
pub fn linear(in_features: usize, out_features: usize, params: &ParamBuilder) -> Result<Linear> {
    linear_with(in_features, out_features, LinearConfig::default(), params)
}

/// Declares a linear layer.
pub fn linear_with(
    in_features: usize,
    out_features: usize,
    config: LinearConfig,
    params: &ParamBuilder,
) -> Result<Linear> {
    let shape = (out_features, in_features);
    Ok(Linear {
        weight: Weight::declare(shape, config.weight, config.norm, params)?,
        bias: config.bias.declare(out_features, in_features, params)?,
    })
}

impl Linear {
    /// The bias, if the layer has one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// `φ(x Wᵀ + b)`, the layer and an activation in one operation: `[N, …, in]` to `[N, …, out]`.
    ///
    /// # Errors
    /// If the last dimension of `x` is not `in`.
    pub fn forward_then(&self, x: &Tensor, then: Activation) -> TensorResult<Tensor> {
        let weight = self.weight.value()?; // [out, in]
        let bias = self.bias.as_ref().map(Parameter::value);
        if x.rank() < 2 {
            bail!("a linear layer needs [N, …, in], not {:?}", x.dims());
        }
        let rows = reshape(x, ((), x.dim(D::Minus1)?))?; // [N, in]
        let y = ops::linear(&rows, &weight, bias.as_ref(), then)?;
        let leading = &x.dims()[..x.rank() - 1];
        reshape(&y, [leading, &[y.dim(1)?]].concat()) // [N, …, out]
    }
}

impl Module for Linear {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        self.forward_then(x, Activation::Identity)
    }
}
