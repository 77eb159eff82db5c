//! Everything below a layer: seeded random streams, the ordered parameter store, operations that train
//! right on candle, gradients of gradients, gradient checks, and the choice of a device.
//!
//! ```
//! use candle_core::{DType, Device};
//! use latentlab_tensor::{Init, ParamStore, Rng, ops::{self, Activation}};
//!
//! # fn main() -> latentlab_tensor::Result<()> {
//! let store = ParamStore::new(7, DType::F32, &Device::Cpu);
//! let weight = store.root().at("decoder").parameter("weight", (2, 4), Init::FanInUniform)?;
//! let latent = Rng::stream(7, "example", 0).normal((3, 4), DType::F32, &Device::Cpu)?;
//! let output = ops::linear(&latent, &weight.value(), None, Activation::Tanh)?;
//! assert_eq!(output.dims(), [3, 2]);
//! assert_eq!(store.paths(), ["decoder.weight"]);
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
pub mod cpu;
mod device;
mod error;
pub mod gradcheck;
mod init;
mod mode;
pub mod ops;
mod params;
mod rng;

pub use archive::{decode_tensors, description, encode_described, encode_tensors};
pub use autograd::{
    InputGradient, apply1, apply2, apply3, enable_second_order, final_backward, input_gradient,
    is_final_backward, once, reshape, segment,
};
pub use device::DeviceChoice;
pub use error::{Error, Result, TensorProblem};
pub use init::Init;
pub use mode::Mode;
pub use params::{Kind, ParamBuilder, ParamStore, Parameter, is_below};
pub use rng::Rng;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
