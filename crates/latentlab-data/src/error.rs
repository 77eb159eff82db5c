//! What can go wrong while data are opened.

use std::{
    io,
    path::{Path, PathBuf},
};

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while data are opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A key of the configuration has a value that cannot work.
    #[error(transparent)]
    Config(#[from] latentlab_core::Error),
    /// The system could not read a file or list a folder.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is there but is not what it should be.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was found, and what was expected.
        problem: String,
    },
}

impl Error {
    pub(crate) fn config(key: &str, problem: impl Into<String>) -> Self {
        Self::Config(latentlab_core::Error::config(
            format!("data.{key}"),
            problem,
        ))
    }

    /// A key that names where the images are has no value; `what` is to be named, such as `example`.
    pub(crate) fn unnamed(key: &str, what: &str, example: &str) -> Self {
        let problem =
            format!("missing: name {what}, for example with `--set data.{key}={example}`");
        Self::config(key, problem)
    }

    /// A key names a `kind` (file or folder) that is not there.
    pub(crate) fn absent(key: &str, kind: &str, path: &Path) -> Self {
        let from = match std::env::current_dir() {
            Ok(working) if path.is_relative() => format!(", seen from {}", working.display()),
            _ => String::new(),
        };
        Self::config(key, format!("there is no {kind} {}{from}", path.display()))
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        let (path, problem) = (path.to_owned(), problem.into());
        Self::File { path, problem }
    }

    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, source }
    }
}

impl From<Error> for latentlab_core::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Config(error) => error,
            other => Self::Data(other.to_string()),
        }
    }
}
