//! The loss of each phase in the first step in which it ran, kept in a file of its own.
//!
//! `{"ae":{"step":1,"loss":21.3}}`. The records of a run begin at a multiple of `metrics.every`, and
//! by then a learning rate that is far too high has done its work.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, durable};
use latentlab_core::numbers;

/// A phase's loss in the first step in which it ran.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    step: u64,
    #[serde(with = "numbers")]
    loss: f64,
}

/// The first losses of a run, in memory or in a file.
#[derive(Debug, Default)]
pub(super) struct FirstLosses {
    file: Option<PathBuf>,
    phases: BTreeMap<String, First>,
}

impl FirstLosses {
    /// Those of `file` up to `step`; none if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read, or holds something else.
    pub(super) fn open(file: &Path, step: u64) -> Result<Self> {
        let mut phases: BTreeMap<String, First> = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Error::io(file)(error)),
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| Error::Metrics {
                file: file.to_owned(),
                line: error.line(),
                problem: format!("{error}; remove the file to go on without it"),
            })?,
        };
        phases.retain(|_, first| first.step <= step);
        let file = Some(file.to_owned());
        Ok(Self { file, phases })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        let phases = self.phases.iter();
        phases.map(|(phase, first)| (phase.as_str(), first.loss))
    }

    /// Keeps what ran first in this step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn note(&mut self, step: u64, losses: &[(&str, f64)]) -> Result<()> {
        let known = self.phases.len();
        for (phase, loss) in losses {
            let first = First { step, loss: *loss };
            self.phases.entry((*phase).to_owned()).or_insert(first);
        }
        match &self.file {
            Some(file) if self.phases.len() > known => {
                let mut text =
                    serde_json::to_vec(&self.phases).expect("numbers and names are JSON");
                text.push(b'\n');
                durable::replace(file, &text)
            }
            _ => Ok(()),
        }
    }
}
