//! The transposed two-dimensional convolution.

use candle_core::{Module, Result as TensorResult, Tensor};

use latentlab_tensor::{
    Init, ParamBuilder, Parameter, Result,
    ops::{self, Activation, Geometry, to_channels_first, to_channels_last},
};

use crate::weight::Bias;

/// What [`conv_transpose2d`] lets a caller choose.
#[derive(Clone, Copy, Debug)]
pub struct ConvTranspose2dConfig {
    /// Side of the square window, in pixels; 3 by default.
    pub kernel: usize,
    /// Pixels from one window to the next in the output; 1 by default.
    pub stride: usize,
    /// Pixels cut off each side of the output; none by default.
    pub padding: usize,
    /// Pixels added to the bottom and the right of the output; none by default.
    pub output_padding: usize,
    /// How the weight starts; uniform in ±1/√(out·kernel²) by default, as in PyTorch.
    pub weight: Init,
    /// How the bias starts; uniform in ±1/√(out·kernel²) by default, as in PyTorch.
    pub bias: Bias,
}

impl Default for ConvTranspose2dConfig {
    fn default() -> Self {
        Self {
            kernel: 3,
            stride: 1,
            padding: 0,
            output_padding: 0,
            weight: Init::FanInUniform,
            bias: Bias::default(),
        }
    }
}

/// A transposed convolution, `[N, in, H, W]` to `[N, out, H', W']` with
/// `H' = (H − 1)·stride − 2·padding + kernel + output_padding`: PyTorch's `nn.ConvTranspose2d`.
///
/// Parameters: `weight` `[in, out, kernel, kernel]` and `bias` `[out]`.
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    weight: Parameter,
    bias: Option<Parameter>,
    geometry: Geometry,
    output_padding: usize,
}

/// Declares a transposed convolution.
pub fn conv_transpose2d(
    in_channels: usize,
    out_channels: usize,
    config: ConvTranspose2dConfig,
    params: &ParamBuilder,
) -> Result<ConvTranspose2d> {
    let kernel = config.kernel;
    let shape = (in_channels, out_channels, kernel, kernel);
    let fan_in = out_channels.saturating_mul(kernel.saturating_mul(kernel)); // PyTorch's, see `Init`
    Ok(ConvTranspose2d {
        weight: params.parameter("weight", shape, config.weight)?,
        bias: config.bias.declare(out_channels, fan_in, params)?,
        geometry: Geometry {
            stride: config.stride,
            padding: config.padding,
        },
        output_padding: config.output_padding,
    })
}

impl ConvTranspose2d {
    /// The bias, if the layer has one.
    pub fn bias(&self) -> Option<&Parameter> {
        self.bias.as_ref()
    }

    /// The layer and an activation in one operation, on images whose channels come last:
    /// `[N, H, W, in]` to `[N, H', W', out]`.
    ///
    /// # Errors
    /// If `x` has another rank or number of channels.
    pub fn forward_channels_last(&self, x: &Tensor, then: Activation) -> TensorResult<Tensor> {
        let bias = self.bias.as_ref().map(Parameter::value);
        let place = (self.geometry, self.output_padding);
        ops::conv_transpose2d(x, &self.weight.value(), bias.as_ref(), place, then)
    }
}

impl Module for ConvTranspose2d {
    fn forward(&self, x: &Tensor) -> TensorResult<Tensor> {
        let y = self.forward_channels_last(&to_channels_last(x)?, Activation::Identity)?;
        to_channels_first(&y)
    }
}
