//! Layers: parameters declared in a [`ParamStore`](latentlab_tensor::ParamStore), with a forward pass that is
//! right to the second order of gradients.
//!
//! A layer is declared by a free function that takes sizes, a configuration where there is a
//! choice, and the place of its parameters. Names and layouts are PyTorch's, so that a checkpoint
//! can be compared with one of PyTorch tensor by tensor.

mod batch_norm;
mod conv2d;
mod conv_transpose2d;
mod dropout;
mod layer_norm;
mod linear;
mod network;
mod spectral_norm;
mod weight;

pub use batch_norm::{BatchNorm, BatchNormConfig, batch_norm};
pub use conv_transpose2d::{ConvTranspose2d, ConvTranspose2dConfig, conv_transpose2d};
pub use conv2d::{Conv2d, Conv2dConfig, conv2d};
pub use dropout::Dropout;
pub use latentlab_tensor::ops::Activation;
pub use layer_norm::{LayerNorm, layer_norm};
pub use linear::{Linear, LinearConfig, linear, linear_with};
pub use network::{Architecture, Initial, Network, NetworkConfig, Norm};
pub use spectral_norm::{SpectralNorm, spectral_norm};
pub use weight::{Bias, WeightNorm};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
