//! Experiment files and run directories: starting runs, taking them up again, opening what they left.
//!
//! An experiment is data, a table of everything that a run depends on ([`Experiment`]). Running it
//! leaves a directory from which the run can be resumed, sampled and reproduced. A [`Runner`] starts
//! runs from any program; its [`Hook`]s take part in them.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use latentlab_core::Registry;
//! use latentlab_run::{Experiment, Runner, Plan};
//! use toml::Table;
//!
//! let registry = Registry::default().with(latentlab_models::plugin)?;
//! let file = toml::toml! {
//!     steps = 20
//!     batch_size = 16
//!     data = { name = "ring", train = 256, test = 64 }
//!     model = { name = "ae", config = { hidden = [8], latent = 1 } }
//! };
//! let folder = tempfile::tempdir().unwrap();
//! let plan = Plan {
//!     name: "ring",
//!     experiment: Experiment::resolve(&file, &Table::new(), &registry)?,
//!     overrides: Table::new(),
//!     out: Some(&folder.path().join("run")),
//!     run_name: None,
//!     argv: Vec::new(),
//! };
//! // Set from another thread or a signal, it ends the run after the step that is under way.
//! let interrupted = AtomicBool::new(false);
//! let ended = Runner::new(&registry, &interrupted).start(plan)?;
//! assert_eq!(ended.summary.step, 20);
//! assert!(ended.summary.metrics["test/squared_error"] < 2.0);
//! # Ok::<(), latentlab_run::Error>(())
//! ```

mod built;
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
pub mod reproduction;
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
pub use train::{Hook, Plan, Runner};

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
