//! Losses of generative models: pure functions from tensors to a loss, each with its formula.
//!
//! They know tensors and nothing else: no model, no optimizer, no randomness. Two shapes come out:
//! functions of images or latents return one value for each image, `[N]`, in nats or squared units
//! summed over the image, and [`batch_mean`] makes the training loss of them, so that training,
//! evaluation and importance weighting share one function; [`adversarial`], [`penalty`] and the
//! losses that only a whole batch has return a scalar `[]`. Everything is to be minimised, except
//! where a name says density, bound or value. Classifiers hand in logits, never probabilities.
//!
//! A loss used alone, here the negative evidence lower bound of a VAE:
//!
//! ```
//! use candle_core::{DType, Device, Var};
//! use latentlab_losses::{batch_mean, divergence::gaussian_kl, reconstruction::bernoulli_nll};
//!
//! # fn main() -> latentlab_tensor::Result<()> {
//! let logits = Var::zeros((16, 1, 28, 28), DType::F32, &Device::Cpu)?; // of a decoder
//! let mu = Var::zeros((16, 20), DType::F32, &Device::Cpu)?; // of an encoder, as the variance
//! let log_var = mu.zeros_like()?;
//! let images = logits.ones_like()?;
//!
//! let per_image = (bernoulli_nll(&logits, &images)? + gaussian_kl(&mu, &log_var)?)?; // [16]
//! let loss = batch_mean(&per_image)?; // nats per image
//! let gradients = loss.backward()?;
//!
//! assert!((loss.to_scalar::<f32>()? - 784.0 * 2f32.ln()).abs() < 1e-3);
//! let slope = gradients.get(&logits).expect("the loss depends on the logits");
//! assert_eq!(slope.min_all()?.to_scalar::<f32>()?, -0.5 / 16.0);
//! # Ok(())
//! # }
//! ```

pub mod adversarial;
pub mod classification;
pub mod divergence;
mod fused;
pub mod numerics;
pub mod penalty;
pub mod reconstruction;
mod reduction;

pub use reduction::{batch_mean, sum_per_image};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
