//! What can go wrong while a model trains.

use std::{fmt, io, path::PathBuf};

use latentlab_core::numbers::shown;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong while a model trains.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model, the data, a tensor operation or a value in the configuration failed.
    #[error(transparent)]
    Core(#[from] latentlab_core::Error),
    /// The phases of the model cannot be trained as they are.
    #[error("phase `{phase}` {problem}")]
    Phase {
        /// The phase's name.
        phase: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A phase's loss could not be computed, or not be differentiated.
    #[error("phase `{phase}` failed at step {step}")]
    Step {
        /// The phase's name.
        phase: String,
        /// Number of the step, from 1.
        step: u64,
        /// What went wrong.
        source: Box<latentlab_core::Error>,
    },
    /// Every phase has run, and still no gradient has reached this parameter.
    #[error(
        "parameter `{path}` got no gradient from {}: it would keep its initial value for ever",
        quoted(phases)
    )]
    Unreached {
        /// The parameter's path.
        path: String,
        /// The phases that should move it.
        phases: Vec<&'static str>,
    },
    /// A loss or a parameter is no longer finite, or a loss has exploded.
    #[error(
        "phase `{phase}` diverged at step {step}: {}; try a lower learning rate or \
         `optimizer.clip_norm`{}",
        symptoms(*loss, parameter.as_deref(), history.as_deref()),
        way_out(history.as_deref())
    )]
    Diverged {
        /// The phase whose loss has exploded, or whose loss or parameters are not finite.
        phase: String,
        /// Number of the step, from 1.
        step: u64,
        /// The first parameter that is not finite, by path; below `ema/` if it is an average.
        parameter: Option<String>,
        /// The phase's loss in this step, if it was due.
        loss: Option<f64>,
        /// What the phase's loss was before, as far as is known.
        history: Option<Box<LossHistory>>,
    },
    /// A checkpoint is incomplete, altered, or from another model.
    #[error("{}: {problem}", file.display())]
    Checkpoint {
        /// The file that does not hold what it should.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Something that a run has left behind and cannot go on without is gone.
    #[error("{}: {problem}", file.display())]
    Lost {
        /// The file or directory.
        file: PathBuf,
        /// What is gone, how that is known, and the way out.
        problem: String,
    },
    /// A line of `metrics.jsonl` is no record.
    #[error("{}, line {line}: {problem}", file.display())]
    Metrics {
        /// The file.
        file: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Puts the path to an error of the file system, for `map_err`.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }
}

impl From<latentlab_tensor::Error> for Error {
    fn from(error: latentlab_tensor::Error) -> Self {
        Self::Core(error.into())
    }
}

impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Self::Core(error.into())
    }
}

fn quoted(phases: &[&str]) -> String {
    let names: Vec<String> = phases.iter().map(|name| format!("`{name}`")).collect();
    format!("phase {}", names.join(" or "))
}

fn symptoms(loss: Option<f64>, parameter: Option<&str>, history: Option<&LossHistory>) -> String {
    let loss = loss.map(|loss| format!("loss is {}", shown(loss)));
    let parameter = parameter.map(|path| format!("first bad parameter `{path}`"));
    let symptoms = loss.into_iter().chain(parameter);
    let symptoms: Vec<String> = symptoms
        .chain(history.map(LossHistory::to_string))
        .collect();
    symptoms.join(", ")
}

fn way_out(history: Option<&LossHistory>) -> &'static str {
    match history {
        Some(history) if history.exploded > 0 => {
            ", or let it go on with another factor in `stop.explosion` (0: whatever the loss)"
        }
        _ => "",
    }
}

/// What a phase's loss was before it diverged.
#[derive(Clone, Debug, PartialEq)]
pub struct LossHistory {
    /// The loss in the first step in which the phase ran.
    pub first: f64,
    /// The median of the records before, of the last thousand that had not exploded.
    pub median: f64,
    /// Records in a row that have exploded since.
    pub exploded: u32,
    /// The size of a loss beyond which a record has exploded.
    pub limit: f64,
}

impl fmt::Display for LossHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            first,
            median,
            exploded,
            limit,
        } = self;
        let (first, median, limit) = (shown(*first), shown(*median), shown(*limit));
        write!(f, "after {first} at first and a median of {median} before")?;
        match exploded {
            0 => Ok(()),
            1 => write!(f, " (beyond {limit} in the last record)"),
            records => write!(f, " (beyond {limit} in {records} records in a row)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_names_phase_step_parameter_and_the_way_out() {
        let error = Error::Diverged {
            phase: "generator".to_owned(),
            step: 812,
            parameter: Some("generator.0.weight".to_owned()),
            loss: Some(f64::NAN),
            history: None,
        };
        assert_eq!(
            error.to_string(),
            "phase `generator` diverged at step 812: loss is NaN, first bad parameter \
             `generator.0.weight`; try a lower learning rate or `optimizer.clip_norm`"
        );
    }

    #[test]
    fn an_explosion_names_the_losses_before_and_the_key_that_allows_it() {
        let error = Error::Diverged {
            phase: "ae".to_owned(),
            step: 50,
            parameter: None,
            loss: Some(6e27),
            history: Some(Box::new(LossHistory {
                first: 21.25,
                median: 20.5,
                exploded: 5,
                limit: 2.125e7,
            })),
        };
        assert_eq!(
            error.to_string(),
            "phase `ae` diverged at step 50: loss is 6.000e27, after 21.25 at first and a median \
             of 20.5 before (beyond 2.125e7 in 5 records in a row); try a lower learning rate or \
             `optimizer.clip_norm`, or let it go on with another factor in `stop.explosion` (0: \
             whatever the loss)"
        );
    }
}
