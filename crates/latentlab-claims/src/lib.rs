//! What is said of autoencoders, variational autoencoders and GANs, each statement an experiment
//! that measures it.
//!
//! A [`Claim`] is one file: the statement, the trainings it needs, the figures with the thresholds
//! they were held to, which were set before the first run. [`Lab`] trains and remembers; a
//! [`Finding`] is what came of it, and its [`Verdict`] follows from the figures alone. That a claim
//! does not hold is a result.
//!
//! ```
//! let names: Vec<_> = latentlab_claims::CLAIMS.iter().map(|claim| claim.name).collect();
//! assert_eq!(names.len(), 12);
//! assert_eq!(names[0], "bottleneck");
//! ```

mod chart;
mod claims;
mod digits;
mod disturbance;
mod finding;
mod foreign;
mod held_out;
mod lab;
mod ordering;
mod page;
mod quality;
mod scale;
mod wide;

pub use chart::{Chart, Form, Series};
pub use claims::CLAIMS;
pub use finding::{Bound, Criterion, Finding, Illustration, Table, Verdict};
pub use lab::{Lab, Trained};
pub use page::page;
pub use scale::Scale;

use latentlab_run::Result;

/// A statement, and the experiment that measures it.
pub struct Claim {
    /// The name on the command line.
    pub name: &'static str,
    /// What is said.
    pub statement: &'static str,
    /// How it is measured, and what the thresholds are.
    pub method: &'static str,
    /// Measures it.
    pub measure: fn(&Lab) -> Result<Finding>,
}
