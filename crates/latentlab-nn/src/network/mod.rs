//! Feed-forward networks between images and vectors, dense or convolutional.
//!
//! A [`Network`] numbers its layers as PyTorch's `nn.Sequential` does, activations and reshapes
//! included, so that its parameters load into the corresponding `Sequential` by name.

mod config;
mod conv;
mod dense;
mod stack;

use candle_core::{Module, Tensor};
use latentlab_core::{Error, ImageShape, Result};
use latentlab_tensor::{
    Mode, Parameter,
    ops::{to_channels_first, to_channels_last},
    reshape, segment,
};

use crate::{Activation, BatchNorm, Conv2d, ConvTranspose2d, Linear};
pub use config::{Architecture, Initial, NetworkConfig, Norm};
use stack::Stack;

/// Layers applied one after the other.
///
/// Between two layers, images have their channels last in memory, where convolutions are fast; what
/// goes in and comes out is `[N, C, H, W]` as everywhere. An activation is computed together with
/// the layer before it.
#[derive(Debug)]
pub struct Network {
    layers: Vec<Layer>,
}

impl Network {
    /// Applies the layers in order.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        segment(|| self.apply(input, mode))
    }

    fn apply(&self, input: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = match self.layers.first() {
            Some(Layer::Conv(_)) => to_channels_last(input)?,
            _ => input.clone(),
        };
        let mut layers = self.layers.iter().peekable();
        while let Some(layer) = layers.next() {
            let then = match layers.peek() {
                Some(Layer::Activation(activation)) if layer.takes_activation() => {
                    layers.next();
                    *activation
                }
                _ => Activation::Identity,
            };
            x = layer.forward(&x, mode, then)?;
        }
        match self
            .layers
            .iter()
            .any(|layer| matches!(layer, Layer::ConvTranspose(..)))
        {
            true => Ok(to_channels_first(&x)?),
            false => Ok(x),
        }
    }

    /// Refuses to be trained on so few images that batch norm would see one value per channel, if
    /// each `together` of the images in a batch make one row of the network's input.
    ///
    /// # Errors
    /// An error of the key `batch_size` that says how many it takes.
    pub fn check_batch_size(&self, images: usize, together: usize) -> Result<()> {
        let lone = |layer: &Layer| matches!(layer, Layer::BatchNorm(_, 1));
        let least = 2 * together;
        if images >= least || !self.layers.iter().any(lone) {
            return Ok(());
        }
        let problem = format!(
            "{images} leaves batch norm one value per channel, which has no variance: use {least} or \
             more, or another `norm`"
        );
        Err(Error::config("batch_size", problem))
    }

    /// The bias of the last layer that has one: one value per pixel (dense) or per channel (conv).
    pub fn output_bias(&self) -> Option<&Parameter> {
        self.layers.iter().rev().find_map(Layer::bias)
    }
}

#[derive(Debug)]
enum Layer {
    Linear(Linear),
    Conv(Conv2d),
    /// The output is cut to this height and width: a stage that doubles cannot hit odd sizes alone.
    ConvTranspose(ConvTranspose2d, [usize; 2]),
    /// With the values of a channel in one row of the input.
    BatchNorm(BatchNorm, usize),
    Activation(Activation),
    /// Images `[N, C, H, W]` to vectors.
    Flatten,
    /// Images with their channels last to vectors in the order of `[N, C, H, W]`.
    FlattenChannelsLast,
    /// Vectors to images `[N, C, H, W]`.
    Unflatten(ImageShape),
    /// Vectors in the order of `[N, C, H, W]` to images with their channels last.
    UnflattenChannelsLast(ImageShape),
}

impl Layer {
    /// Applies the layer, and then the activation if it [takes one](Self::takes_activation).
    fn forward(&self, x: &Tensor, mode: Mode, then: Activation) -> Result<Tensor> {
        Ok(match self {
            Self::Linear(layer) => layer.forward_then(x, then)?,
            Self::Conv(layer) => layer.forward_channels_last(x, then)?,
            Self::ConvTranspose(layer, [height, width]) => layer
                .forward_channels_last(x, then)?
                .narrow(1, 0, *height)?
                .narrow(2, 0, *width)?,
            Self::BatchNorm(layer, _) => layer.forward_channels_last(x, mode, then)?,
            Self::Activation(activation) => activation.forward(x)?,
            Self::Flatten => flatten(x)?,
            Self::FlattenChannelsLast => flatten(&to_channels_first(x)?)?,
            Self::Unflatten(shape) => reshape(x, shape.batch(x.dim(0)?))?,
            Self::UnflattenChannelsLast(shape) => {
                to_channels_last(&reshape(x, shape.batch(x.dim(0)?))?)?
            }
        })
    }

    /// Whether an activation that follows is computed with this layer.
    fn takes_activation(&self) -> bool {
        matches!(
            self,
            Self::Linear(_) | Self::Conv(_) | Self::ConvTranspose(..) | Self::BatchNorm(..)
        )
    }

    fn bias(&self) -> Option<&Parameter> {
        match self {
            Self::Linear(layer) => layer.bias(),
            Self::ConvTranspose(layer, _) => layer.bias(),
            _ => None,
        }
    }
}

fn flatten(images: &Tensor) -> Result<Tensor> {
    Ok(reshape(images, (images.dim(0)?, ()))?)
}
