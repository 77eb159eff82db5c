//! What a network is to be made of.

use latentlab_core::{Error, ImageShape, Result};
use latentlab_tensor::{Init, ParamBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Network, Stack, conv, dense};
use crate::{Activation, Bias, Linear, LinearConfig, WeightNorm, linear_with};

/// The kind of layers a network is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// Linear layers; `hidden` counts units.
    Dense,
    /// Convolutions of kernel 4 and stride 2 (Radford et al. 2016); `hidden` counts channels.
    Conv,
}

/// What follows or constrains the weights of a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Nothing.
    None,
    /// Batch norm on every hidden layer but the one next to the images (Radford et al. 2016).
    Batch,
    /// Spectral normalisation of every weight (Miyato et al. 2018); not for the transposed
    /// convolutions of a decoder.
    Spectral,
}

/// Where the weights start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Initial {
    /// PyTorch's default: uniform in ±1/√fan_in.
    Pytorch,
    /// He et al. 2015, normal.
    Kaiming,
    /// Glorot and Bengio 2010, uniform.
    Xavier,
    /// Orthonormal rows or columns (Saxe et al. 2014).
    Orthogonal,
    /// Normal with deviation 0.02, biases zero (Radford et al. 2016).
    Dcgan,
}

/// The layers between images and a vector, from the images inwards or from the vector outwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// `dense` or `conv`.
    pub architecture: Architecture,
    /// Units of each hidden layer (dense), or channels of each stage, which halves or doubles the
    /// image (conv), in the order of the forward pass.
    pub hidden: Vec<usize>,
    /// Activation of the hidden layers.
    pub activation: Activation,
    /// `none`, `batch` or `spectral`.
    pub norm: Norm,
    /// Where the weights start: `pytorch`, `kaiming`, `xavier`, `orthogonal` or `dcgan`.
    pub init: Initial,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Dense,
            hidden: vec![512, 256],
            activation: Activation::Relu,
            norm: Norm::None,
            init: Initial::Pytorch,
        }
    }
}

impl NetworkConfig {
    /// A network from images `[N, C, H, W]` to vectors `[N, outputs]`.
    ///
    /// # Errors
    /// For a hidden layer of size 0, or more stages than the image can be halved.
    pub fn encoder(
        &self,
        shape: ImageShape,
        outputs: usize,
        params: &ParamBuilder,
    ) -> Result<Network> {
        let mut network = self.trunk(shape, params)?;
        network.linear(outputs)?;
        Ok(network.finish())
    }

    /// The hidden layers of [`encoder`](Self::encoder) alone, and the number of their outputs.
    ///
    /// # Errors
    /// As [`encoder`](Self::encoder).
    pub fn features(&self, shape: ImageShape, params: &ParamBuilder) -> Result<(Network, usize)> {
        let network = self.trunk(shape, params)?;
        let features = network.features;
        Ok((network.finish(), features))
    }

    /// A network from vectors `[N, inputs]` to images `[N, C, H, W]`, linear at its end.
    ///
    /// # Errors
    /// As [`encoder`](Self::encoder), and for spectral normalisation of transposed convolutions.
    pub fn decoder(
        &self,
        inputs: usize,
        shape: ImageShape,
        params: &ParamBuilder,
    ) -> Result<Network> {
        self.decoder_then(inputs, shape, Activation::Identity, params)
    }

    /// A [`decoder`](Self::decoder) whose images pass through `output`.
    ///
    /// # Errors
    /// As [`decoder`](Self::decoder).
    pub fn decoder_then(
        &self,
        inputs: usize,
        shape: ImageShape,
        output: Activation,
        params: &ParamBuilder,
    ) -> Result<Network> {
        self.check()?;
        let mut stack = Stack::new(self, inputs, params);
        match self.architecture {
            Architecture::Dense => dense::push_decoder(&mut stack, shape, output)?,
            Architecture::Conv => conv::push_decoder(&mut stack, shape, output)?,
        }
        Ok(stack.finish())
    }

    /// The same layers in the opposite order: the decoder that mirrors an encoder.
    pub fn mirrored(&self) -> Self {
        Self {
            hidden: self.hidden.iter().rev().copied().collect(),
            ..self.clone()
        }
    }

    /// A linear layer with the initial values and the norm of this configuration.
    pub fn linear(&self, inputs: usize, outputs: usize, params: &ParamBuilder) -> Result<Linear> {
        let config = LinearConfig {
            weight: self.weight(),
            bias: self.bias(),
            norm: self.weight_norm(),
        };
        Ok(linear_with(inputs, outputs, config, params)?)
    }

    fn trunk(&self, shape: ImageShape, params: &ParamBuilder) -> Result<Stack<'_>> {
        self.check()?;
        let mut stack = Stack::new(self, shape.pixels(), params);
        match self.architecture {
            Architecture::Dense => dense::push_encoder(&mut stack)?,
            Architecture::Conv => conv::push_encoder(&mut stack, shape)?,
        }
        Ok(stack)
    }

    fn check(&self) -> Result<()> {
        if self.hidden.contains(&0) {
            return Err(Error::config("hidden", "every size must be at least 1"));
        }
        Ok(())
    }

    pub(super) fn weight(&self) -> Init {
        match self.init {
            Initial::Pytorch => Init::FanInUniform,
            Initial::Kaiming => Init::KaimingNormal,
            Initial::Xavier => Init::XavierUniform,
            Initial::Orthogonal => Init::Orthogonal { gain: 1.0 },
            Initial::Dcgan => Init::DCGAN,
        }
    }

    pub(super) fn bias(&self) -> Bias {
        match self.init {
            Initial::Pytorch => Bias::FanIn,
            _ => Bias::Init(Init::ZEROS),
        }
    }

    pub(super) fn weight_norm(&self) -> WeightNorm {
        match self.norm {
            Norm::Spectral => WeightNorm::Spectral,
            Norm::None | Norm::Batch => WeightNorm::None,
        }
    }
}
