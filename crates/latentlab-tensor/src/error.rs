//! What can go wrong below a model.

use std::fmt;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong below a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operation on a tensor failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A size, rate or other argument is outside of what the operation can do.
    #[error("{0}")]
    Argument(String),
    /// A device that this build or this machine does not have.
    #[error("{0}")]
    Device(String),
    /// Two parameters claim one path, or one path is asked for with two shapes.
    #[error("parameter `{path}` is declared twice: {problem}")]
    Declared {
        /// The path in the store.
        path: String,
        /// How the two declarations differ.
        problem: String,
    },
    /// Second-order gradients are switched off in candle on this thread.
    #[error(
        "candle drops the gradient of a gradient on this thread, so this penalty would train nothing: \
         set CANDLE_GRAD_DO_NOT_DETACH=1 before the thread's first backward pass, for example under \
         `[env]` in .cargo/config.toml"
    )]
    SecondOrderOff,
    /// The output does not depend on the input it is differentiated by.
    #[error("the output does not depend on the input, so it has no gradient with respect to it")]
    NoGradient,
    /// The tensors of a file do not fit the store.
    #[error("{} tensor(s) do not fit:{}", problems.len(), lines(problems))]
    Mismatch {
        /// One entry for each tensor, in path order.
        problems: Vec<TensorProblem>,
    },
    /// Bytes that are no valid safetensors file, or a tensor that this crate keeps in none.
    #[error("safetensors: {0}")]
    Format(String),
}

/// Why one tensor of a file does not fit a [`ParamStore`](crate::ParamStore).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorProblem {
    /// The tensor's path.
    pub path: String,
    /// What is wrong, for example "missing" or "shape [2, 3], expected [3, 2]".
    pub problem: String,
}

fn lines(problems: &[TensorProblem]) -> String {
    problems.iter().map(|p| format!("\n  {p}")).collect()
}

impl fmt::Display for TensorProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.problem)
    }
}
