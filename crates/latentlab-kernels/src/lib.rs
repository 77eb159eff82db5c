//! What training on a CPU spends its time in: matrix products and passes over memory, on all
//! threads and with the widest instructions of the machine.
//!
//! Everything here works on slices of `f32` and knows no tensors and no gradients; layers, losses
//! and optimizers call it where a tensor is `f32` on the CPU, and compose candle's operations
//! elsewhere.
//!
//! - [`pool`] runs tasks on all threads; [`gemm`] multiplies matrices.
//! - [`vectorised!`](crate::vectorised) compiles one loop for several sets of instructions.
//! - [`math`] has the elementary functions that such loops may call.
//!
//! The bytes of a result depend neither on the number of threads nor, except for products of
//! matrices, on the instructions: work is cut by the sizes of its operands alone, partial sums are
//! added up in a fixed order, and no loop contracts a product and a sum into one rounding.

mod activation;
mod buffer;
pub mod conv;
pub mod gemm;
pub mod instructions;
pub mod math;
pub mod normalise;
pub mod pool;

pub use activation::{
    ActivationKind, activate, activate_all, activate_rows, activate_slope, add_column_sums, slopes,
    slopes_and_sums,
};
pub use buffer::uninitialised;
pub use instructions::{Instructions, instructions};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
