//! What can go wrong below a model.

use std::fmt;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong below a model. `Debug` says the same as `Display`, so that a `main` that returns
/// an error tells the way out as well.
#[derive(thiserror::Error)]
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
    /// A model is larger than the memory that there is for it.
    #[error(
        "the model needs at least {needed} for {purpose} (`{path}` alone is {largest}), the machine has \
         {free} free: make its layers smaller"
    )]
    TooLarge {
        /// The largest parameter up to where the memory ends.
        path: Box<str>,
        /// Its size, as "953.7 GiB".
        largest: Box<str>,
        /// What the parameters up to there need.
        needed: Box<str>,
        /// What there is.
        free: Box<str>,
        /// What the memory is for.
        purpose: &'static str,
    },
    /// Second-order gradients are switched off in candle on this thread.
    #[error(
        "candle drops the gradient of a gradient on this thread, so this penalty would train nothing: \
         call latentlab_tensor::enable_second_order() first in `main`, or set \
         CANDLE_GRAD_DO_NOT_DETACH=1 before the thread's first backward pass, for example under \
         `[env]` in .cargo/config.toml"
    )]
    SecondOrderOff,
    /// Second-order gradients were to be switched on when that could not be done any more.
    #[error(
        "gradients of gradients can be switched on only while the process has one thread, and before \
         its first backward pass: call latentlab_tensor::enable_second_order() first in `main`, or \
         start the program with CANDLE_GRAD_DO_NOT_DETACH=1 in its environment"
    )]
    SecondOrderTooLate,
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

/// Gives an error type a `Debug` that says what its `Display` says.
///
/// `main` prints the error that it returns by `Debug`, as `unwrap` and `expect` do: a derived one shows
/// the name of a variant there, and keeps back what is wrong and the way out.
///
/// ```
/// #[derive(thiserror::Error)]
/// #[error("no picture in {0}: name a folder that has some")]
/// struct NoPicture(String);
///
/// latentlab_tensor::debug_as_display!(NoPicture);
///
/// let error = NoPicture("holiday".to_owned());
/// assert_eq!(format!("{error:?}"), "no picture in holiday: name a folder that has some");
/// ```
#[macro_export]
macro_rules! debug_as_display {
    ($error:ty) => {
        impl ::std::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, f)
            }
        }
    };
}

debug_as_display!(Error);

/// As an error of candle, for code that has no other: within a `Module`, or in a program of candle's.
impl From<Error> for candle_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Tensor(error) => error,
            // Not by `wrap`, which appends a backtrace to the words where one is asked for.
            other => Self::Wrapped(Box::new(other)),
        }
    }
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
