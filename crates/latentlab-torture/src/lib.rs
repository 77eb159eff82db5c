//! Kills runs, lets files go wrong under them, trains them for long, and counts what is lost.
//!
//! `cargo xtask torture` runs all of it and writes `docs/reliability.md`; the tests of this crate run
//! a little of each. The program that is tortured is the one that is shipped: this crate's binary
//! becomes it (see [`Program`]), with one model more, from an outside crate.

mod ordeal;
mod page;
mod program;

/// SIGKILL at random moments.
pub mod kills;

/// A failing file system.
pub mod faults;

/// Long runs, and many of them.
pub mod length;

pub use ordeal::{FULL, ORDEALS, Ordeal, Report, Torture};
pub use page::page;
pub use program::{Program, registry};

pub use latentlab_run::{Error, Result};
