//! What can go wrong in an experiment, and with which exit code it ends.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in an experiment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A wrong argument or configuration.
    #[error("{0}")]
    Argument(String),
    /// A model, its configuration or the data.
    #[error(transparent)]
    Model(#[from] latentlab_core::Error),
    /// Training or its files.
    #[error(transparent)]
    Train(#[from] latentlab_train::Error),
    /// A run that ended early; its directory says how it stands.
    #[error("the run of `{model}` in {} ended early", directory.display())]
    Ended {
        /// The run directory.
        directory: PathBuf,
        /// The model that was trained.
        model: String,
        /// Why it ended.
        source: Box<Error>,
    },
    /// The code of a model panicked.
    #[error("the model `{model}` panicked: {message}")]
    Panicked {
        /// The model's name.
        model: String,
        /// What it said.
        message: String,
    },
    /// A file or directory that the system does not let be used.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the run directory that is not as it should be.
    #[error("{}: {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}

/// What an error says, and then its causes, each unless the one before has told it already.
pub fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut told = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !told.last().is_some_and(|last| last.ends_with(&words)) {
            told.push(words);
        }
        cause = inner.source();
    }
    told
}

impl Error {
    /// An error of the system about `file`, to be used in `map_err`.
    pub fn file(file: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        |source| Self::File {
            file: file.to_owned(),
            source,
        }
    }

    /// An error about what `file` holds.
    pub fn format(file: &Path, problem: impl ToString) -> Self {
        Self::Format {
            file: file.to_owned(),
            problem: problem.to_string(),
        }
    }

    /// What the process exits with: 2 for bad arguments or configuration, 3 where training
    /// diverged, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Argument(_) => 2,
            Self::Model(error) | Self::Train(latentlab_train::Error::Core(error)) => match error {
                latentlab_core::Error::Config { .. }
                | latentlab_core::Error::Unknown { .. }
                | latentlab_core::Error::Data(_)
                | latentlab_core::Error::Tensor(
                    latentlab_tensor::Error::Device(_)
                    | latentlab_tensor::Error::Argument(_)
                    | latentlab_tensor::Error::TooLarge { .. },
                ) => 2,
                _ => 1,
            },
            Self::Train(latentlab_train::Error::Diverged { .. }) => 3,
            // Its configuration was good enough to begin with.
            Self::Ended { source, .. } if source.exit_code() == 3 => 3,
            _ => 1,
        }
    }
}

/// Does `work` with the code of `model`; a panic in it is an error that names the model.
pub(crate) fn guarded<T>(model: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(Error::Panicked {
            model: model.to_owned(),
            message: text.unwrap_or("it did not say why").to_owned(),
        })
    })
}

impl From<latentlab_tensor::Error> for Error {
    fn from(error: latentlab_tensor::Error) -> Self {
        Self::Model(error.into())
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let source = latentlab_train::Error::io("metrics.jsonl")(full);
        let error = Error::Ended {
            directory: "runs/a".into(),
            model: "vae".to_owned(),
            source: Box::new(source.into()),
        };
        assert_eq!(
            chain(&error),
            [
                "the run of `vae` in runs/a ended early",
                "metrics.jsonl: no storage space"
            ]
        );
        let error = Error::file(Path::new("run.json"))(io::Error::from(io::ErrorKind::NotFound));
        assert_eq!(chain(&error), ["run.json: entity not found"]);
    }
}
