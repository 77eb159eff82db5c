//! The two-dimensional convolution.

use candle_core::{Module, Result as TensorResult, Tensor};

use latentlab_tensor::{
    Init, ParamBuilder, Parameter, Result,
    ops::{self, Activation, Geometry, to_channels_first, to_channels_last},
};

use crate::weight::{Bias, Weight, WeightNorm};

/// What [`conv2d`] lets a caller choose.
#[derive(Clone, Copy, Debug)]
pub struct Conv2dConfig {
    /// Side of the square window, in pixels; 3 by default.
    pub kernel: usize,
    /// Pixels from one window to the next; 1 by default.
    pub stride: usize,
    /// Zeros added on each side, in pixels; none by default.
    pub padding: usize,
    /// How the weight starts; uniform in ±1/√fan_in by default, as in PyTorch.
    pub weight: Init,
    /// How the bias starts; uniform in ±1/√fan_in by default, as in PyTorch.
    pub bias: Bias,
    /// Whether the weight is normalised; not by default.
    pub norm: WeightNorm,
}

impl Default for Conv2dConfig {
    fn default() -> Self {
        Self {
            kernel: 3,
            stride: 1,
            padding: 0,
            weight: Init::FanInUniform,
            bias: Bias::default(),
            norm: WeightNorm::default(),
        }
    }
}

/// A convolution, `[N, in, H, W]` to `[N, out, H', W']` with
/// `H' = ⌊(H + 2·padding − kernel) / stride⌋ + 1`: PyTorch's `nn.Conv2d`.
///
/// Parameters: `weight` `[out, in, kernel, kernel]` and `bias` `[out]`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Weight,
    bias: Option<Parameter>,
    geometry: Geometry,
}

/// Declares a convolution.
pub fn conv2d(
    in_channels: usize,
    out_channels: usize,
    config: Conv2dConfig,
    params: &ParamBuilder,
) -> Result<Conv2d> {
    let kernel = config.kernel;
    let shape = (out_channels, in_channels, kernel, kernel);
    let fan_in = in_channels.saturating_mul(kernel.saturating_mul(kernel));
    Ok(Conv2d {
        weight: Weight::declare(shape, config.weight, config.norm, params)?,
        bias: config.bias.declare(out_channels, fan_in, params)?,
        geometry: Geometry {
            stride: config.stride,
            padding: config.padding,
        },
    })
}

impl Conv2d {
    /// `φ(x ∗ w + b)`, the layer and an activation in one operation, on images whose channels come
    /// last: `[N, H, W, in]` to `[N, H', W', out]`.
    ///
    /// # Errors
    /// If `x` has another rank or number of channels, or is smaller than the window.
    pub fn forward_channels_last(&self, x: &Tensor, then: Activation) -> TensorResult<Tensor> {
        let bias = self.bias.as_ref().map(Parameter::value);
        ops::conv2d(x, &self.weight.value()?, bias.as_ref(), self.geometry, then)
    }
}

impl Module for Conv2d {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let y = self.forward_channels_last(&to_channels_last(x)?, Activation::Identity)?;
        to_channels_first(&y)
    }
}
