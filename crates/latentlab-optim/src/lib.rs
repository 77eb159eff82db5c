//! What moves parameters: optimizers with PyTorch's names and values, learning rates that change over a
//! run, clipping, and averages that sample better than the parameters themselves.
//!
//! An [`Optimizer`] moves entries of a `ParamStore` and plain candle variables alike:
//!
//! ```
//! use candle_core::{Device, Var};
//! use latentlab_optim::{Optimizer, OptimizerConfig, gradients_of};
//!
//! let x = Var::new(&[1f32, -2.0], &Device::Cpu)?;
//! let parameters = [("x".to_owned(), x.clone().into())];
//! let config = OptimizerConfig { lr: 0.1, ..Default::default() };
//! let mut adam = Optimizer::new(&parameters, config)?;
//! for _ in 0..100 {
//!     let loss = x.sqr()?.sum_all()?;
//!     let gradients = gradients_of(&parameters, &loss.backward()?);
//!     adam.step(gradients, 1.0)?;
//! }
//! assert!(x.sqr()?.sum_all()?.to_scalar::<f32>()? < 0.01);
//! # Ok::<(), latentlab_core::Error>(())
//! ```

mod ema;
mod gradients;
mod optimizer;
mod parallel;
mod schedule;

pub use ema::{Averages, Ema, EmaConfig, keep_older_meaning};
pub use gradients::{Gradients, accumulate, clip_norm, gradients_of};
pub use optimizer::{
    Adam, AdamW, Moved, Optimizer, OptimizerConfig, RmsProp, Rule, Sgd, mismatches,
};
pub use schedule::Schedule;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
