//! Everything below a model: seeded random streams, the ordered parameter store, layers that train
//! right on candle, gradients of gradients, gradient checks, and the choice of a device.
//!
//! ```
//! use candle_core::{DType, Device, Module};
//! use latentlab_tensor::{ParamStore, Rng, layers};
//!
//! # fn main() -> latentlab_tensor::Result<()> {
//! let store = ParamStore::new(7, DType::F32, &Device::Cpu);
//! let layer = layers::linear(4, 2, &store.root().at("decoder").at("0"))?;
//! let latent = Rng::stream(7, "example", 0).normal((3, 4), DType::F32, &Device::Cpu)?;
//! assert_eq!(layer.forward(&latent)?.dims(), [3, 2]);
//! assert_eq!(store.paths(), ["decoder.0.bias", "decoder.0.weight"]);
//! # Ok(())
//! # }
//! ```

// Nothing here calls these two; they link the library that candle's kernels call.
#[cfg(feature = "accelerate")]
extern crate accelerate_src as _;
#[cfg(feature = "mkl")]
extern crate intel_mkl_src as _;

mod archive;
mod autograd;
mod device;
mod elementwise;
mod error;
pub mod gradcheck;
mod init;
pub mod kernels;
pub mod layers;
mod mode;
mod params;
mod reparameterise;
mod rng;

pub use archive::{decode_tensors, description, encode_described, encode_tensors};
pub use autograd::{
    InputGradient, apply1, apply2, apply3, enable_second_order, final_backward, input_gradient,
    is_final_backward, once, reshape, segment,
};
pub use device::DeviceChoice;
pub use elementwise::affine;
pub use error::{Error, Result, TensorProblem};
pub use init::Init;
pub use mode::Mode;
pub use params::{Kind, ParamBuilder, ParamStore, Parameter, is_below};
pub use reparameterise::reparameterise;
pub use rng::Rng;
