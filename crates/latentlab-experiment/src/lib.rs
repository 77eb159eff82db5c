//! Experiment file to run directory to report: the library behind the program `latentlab`.
//!
//! An experiment is data, a TOML file of everything that a run depends on ([`Experiment`]). Running
//! it leaves a directory from which the run can be resumed, sampled and reproduced. A program with
//! models of its own is [`cli::main`] with another registry:
//!
//! ```no_run
//! use latentlab_core::Registry;
//!
//! fn main() -> std::process::ExitCode {
//!     latentlab_cli::main(|| Registry::default().with(latentlab_models::plugin))
//! }
//! ```

mod built;
pub mod compare;
pub mod config;
pub mod conformance;
mod data_info;
mod environment;
mod error;
pub mod expectation;
pub mod figures;
mod goals;
mod initial;
pub mod library;
mod logging;
pub mod overrides;
mod place;
pub mod run_dir;
pub mod run_model;
mod session;
pub mod train;

pub use built::Average;
pub use config::{Best, Checkpoint, Evaluate, Experiment, Metrics, Model, Samples, is_harmless};
pub use environment::Environment;
pub use error::{Error, Result, chain};
pub use expectation::{Direction, Expectation, Verdict};
pub use initial::{InitFrom, Taken};
pub use run_dir::{Resumption, RunDir, RunRecord, Status};
pub use run_model::{RunModel, Trained};
pub use session::Session;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
