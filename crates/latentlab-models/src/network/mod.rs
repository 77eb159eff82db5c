//! Feed-forward networks between images and vectors, dense or convolutional.
//!
//! A [`Network`] numbers its layers as PyTorch's `nn.Sequential` does, activations and reshapes
//! included, so that its parameters load into the corresponding `Sequential` by name.

mod config;
mod conv;
mod dense;
mod stack;

use candle_core::{Module, Tensor};
use latentlab_core::{ImageShape, Result};
use latentlab_tensor::{
    Mode, Parameter,
    layers::{Activation, BatchNorm, Conv2d, ConvTranspose2d, Linear},
};

pub use config::{Architecture, Initial, NetworkConfig, Norm};
use stack::Stack;

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

    /// The bias of the last layer that has one: one value per pixel (dense) or per channel (conv).
    pub(crate) fn output_bias(&self) -> Option<&Parameter> {
        self.layers.iter().rev().find_map(Layer::bias)
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

    fn bias(&self) -> Option<&Parameter> {
        match self {
            Self::Linear(layer) => layer.bias(),
            Self::ConvTranspose(layer, _) => layer.bias(),
            _ => None,
        }
    }
}
