//! Operations with their gradients, one a file: the reference composed of operations that can be
//! differentiated to any order, for every device and type; the kernels for `f32` on the CPU; and one
//! place where it is decided which of the two runs.

mod activation;
mod affine;
mod batch_norm;
mod channels_last;
mod conv2d;
mod linear;
mod matmul;
mod reparameterise;
mod upsample;

pub use activation::Activation;
pub(crate) use affine::add;
pub use affine::affine;
pub use batch_norm::{Normalised, normalise};
pub use channels_last::{to_channels_first, to_channels_last};
pub use conv2d::{Geometry, conv_transpose2d, conv2d};
pub use linear::linear;
pub use matmul::matmul;
pub use reparameterise::reparameterise;
pub use upsample::upsample_nearest;
