//! Feed-forward networks between images and vectors, dense or convolutional.
//!
//! A [`Network`] numbers its layers as PyTorch's `nn.Sequential` does, activations and reshapes
//! included, so that its parameters load into the corresponding `Sequential` by name.

mod conv;
mod dense;

use candle_core::{Module, Tensor};
use latentlab_core::{Error, ImageShape, Result};
use latentlab_tensor::{
    Init, Mode, ParamBuilder,
    layers::{
        Activation, BatchNorm, BatchNormConfig, Bias, Conv2d, ConvTranspose2d, Linear,
        LinearConfig, WeightNorm, batch_norm, linear_with,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Spectral normalisation of every weight (Miyato et al. 2018).
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
        network.head(outputs)?;
        Ok(network.finish())
    }

    /// The hidden layers of [`encoder`](Self::encoder) alone, and the number of their outputs.
    pub fn features(&self, shape: ImageShape, params: &ParamBuilder) -> Result<(Network, usize)> {
        let network = self.trunk(shape, params)?;
        let features = network.features;
        Ok((network.finish(), features))
    }

    /// A network from vectors `[N, inputs]` to images `[N, C, H, W]`, linear at its end.
    ///
    /// # Errors
    /// As [`encoder`](Self::encoder).
    pub fn decoder(
        &self,
        inputs: usize,
        shape: ImageShape,
        params: &ParamBuilder,
    ) -> Result<Network> {
        self.check()?;
        let mut stack = Stack::new(self, inputs, params);
        match self.architecture {
            Architecture::Dense => dense::push_decoder(&mut stack, shape)?,
            Architecture::Conv => conv::push_decoder(&mut stack, shape)?,
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

    fn weight(&self) -> Init {
        match self.init {
            Initial::Pytorch => Init::FanInUniform,
            Initial::Kaiming => Init::KaimingNormal,
            Initial::Xavier => Init::XavierUniform,
            Initial::Orthogonal => Init::Orthogonal { gain: 1.0 },
            Initial::Dcgan => Init::DCGAN,
        }
    }

    fn bias(&self) -> Bias {
        match self.init {
            Initial::Pytorch => Bias::FanIn,
            _ => Bias::Init(Init::ZEROS),
        }
    }

    fn weight_norm(&self) -> WeightNorm {
        match self.norm {
            Norm::Spectral => WeightNorm::Spectral,
            Norm::None | Norm::Batch => WeightNorm::None,
        }
    }
}

/// Layers applied one after the other.
#[derive(Debug)]
pub struct Network {
    layers: Vec<Layer>,
}

impl Network {
    /// Applies the layers in order.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = input.clone();
        for layer in &self.layers {
            x = layer.forward(&x, mode)?;
        }
        Ok(x)
    }

    /// Sets the bias of the last layer: one value per pixel (dense) or per channel (conv).
    ///
    /// `values` has one entry per pixel; a convolution takes their mean over each channel.
    pub fn set_output_bias(&self, values: &[f32], channels: usize) -> Result<()> {
        let bias = self.layers.iter().rev().find_map(Layer::bias);
        let Some(bias) = bias else { return Ok(()) };
        let per_pixel = Tensor::new(values, &candle_core::Device::Cpu)?;
        let values = if bias.var().elem_count() == channels && channels != values.len() {
            per_pixel
                .reshape((channels, values.len() / channels))?
                .mean(1)?
        } else {
            per_pixel
        };
        let like = bias.var();
        Ok(bias.set(&values.to_dtype(like.dtype())?.to_device(like.device())?)?)
    }
}

#[derive(Debug)]
enum Layer {
    Linear(Linear),
    Conv(Conv2d),
    /// The output is cut to this height and width: a stage that doubles cannot hit odd sizes alone.
    ConvTranspose(ConvTranspose2d, [usize; 2]),
    BatchNorm(BatchNorm),
    Activation(Activation),
    Flatten,
    Unflatten(ImageShape),
}

impl Layer {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        Ok(match self {
            Self::Linear(layer) => layer.forward(x)?,
            Self::Conv(layer) => layer.forward(x)?,
            Self::ConvTranspose(layer, [height, width]) => layer
                .forward(x)?
                .narrow(2, 0, *height)?
                .narrow(3, 0, *width)?,
            Self::BatchNorm(layer) => layer.forward(x, mode)?,
            Self::Activation(activation) => activation.forward(x)?,
            Self::Flatten => x.flatten_from(1)?,
            Self::Unflatten(shape) => x.reshape(shape.batch(x.dim(0)?))?,
        })
    }

    fn bias(&self) -> Option<&latentlab_tensor::Parameter> {
        match self {
            Self::Linear(layer) => layer.bias(),
            Self::ConvTranspose(layer, _) => layer.bias(),
            _ => None,
        }
    }
}

/// A network under construction.
struct Stack<'a> {
    config: &'a NetworkConfig,
    params: ParamBuilder,
    layers: Vec<Layer>,
    /// Length of the vector, or channels of the image, that the last layer gives.
    features: usize,
}

impl<'a> Stack<'a> {
    fn new(config: &'a NetworkConfig, features: usize, params: &ParamBuilder) -> Self {
        Self {
            config,
            params: params.clone(),
            layers: Vec::new(),
            features,
        }
    }

    /// Where the next layer declares its parameters: its index, as in PyTorch's `Sequential`.
    fn next(&self) -> ParamBuilder {
        self.params.at(self.layers.len())
    }

    fn head(&mut self, outputs: usize) -> Result<()> {
        let config = LinearConfig {
            weight: self.config.weight(),
            bias: self.config.bias(),
            norm: self.config.weight_norm(),
        };
        let layer = linear_with(self.features, outputs, config, &self.next())?;
        self.layers.push(Layer::Linear(layer));
        self.features = outputs;
        Ok(())
    }

    fn batch_norm(&mut self) -> Result<()> {
        if self.config.norm == Norm::Batch {
            let weight = match self.config.init {
                Initial::Dcgan => Init::Normal {
                    mean: 1.0,
                    std: 0.02,
                },
                _ => Init::ONES,
            };
            let config = BatchNormConfig {
                weight,
                ..Default::default()
            };
            let layer = batch_norm(self.features, config, &self.next())?;
            self.layers.push(Layer::BatchNorm(layer));
        }
        Ok(())
    }

    fn activation(&mut self) {
        self.layers.push(Layer::Activation(self.config.activation));
    }

    fn finish(self) -> Network {
        Network {
            layers: self.layers,
        }
    }
}
