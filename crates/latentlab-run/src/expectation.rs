//! What an experiment is known to give, so that a run can be held to it: `[[expect]]`.

use std::{fmt, ops::RangeInclusive};

use latentlab_train::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Result, figures::number};

/// A figure that a run of the whole experiment should come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// The figure, such as `test/elbo`: its last value in `metrics.jsonl` is judged.
    pub figure: String,
    /// Judges the value that was recorded at this step instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// What it should be, in the figure's own unit.
    pub value: f64,
    /// How far beside `value` is still as expected, in the figure's unit.
    #[serde(default)]
    pub tolerance: f64,
    /// Which side of `value` is as expected: `near`, `at_least` or `at_most`.
    #[serde(default)]
    pub direction: Direction,
    /// Where the value comes from: a paper and its table, or the program that computed it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// How it was measured there.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub protocol: String,
}

/// Which values are as expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Those within the tolerance on either side.
    #[default]
    Near,
    /// Those from `value - tolerance` on.
    AtLeast,
    /// Those up to `value + tolerance`.
    AtMost,
}

/// How a figure compares with what was expected of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// It is as expected.
    Met {
        /// The figure less the expected value.
        difference: f64,
    },
    /// It is not.
    Missed {
        /// The figure less the expected value.
        difference: f64,
    },
    /// The run has no such figure.
    Absent,
}

impl Expectation {
    /// The value that is judged among the records of a run, in the order of their steps.
    pub fn came(&self, records: &[Record]) -> Option<f64> {
        let value = |record: &Record| record.get(&self.figure);
        match self.step {
            Some(step) => value(records.iter().find(|record| record.step == step)?),
            None => records.iter().rev().find_map(value),
        }
    }

    /// Compares the expectation with what came, if anything did.
    pub fn judge(&self, came: Option<f64>) -> Verdict {
        let Some(came) = came else {
            return Verdict::Absent;
        };
        let difference = came - self.value;
        match self.band().contains(&came) {
            true => Verdict::Met { difference },
            false => Verdict::Missed { difference },
        }
    }

    /// The values that are as expected.
    pub fn band(&self) -> RangeInclusive<f64> {
        let (low, high) = (self.value - self.tolerance, self.value + self.tolerance);
        match self.direction {
            Direction::Near => low..=high,
            Direction::AtLeast => low..=f64::INFINITY,
            Direction::AtMost => f64::NEG_INFINITY..=high,
        }
    }

    /// What is expected in few words: `-105 ± 0.5`, `at least 0.98`, `at most 3 (tolerance 0.1)`.
    pub fn wanted(&self) -> String {
        let (value, tolerance) = (self.value, self.tolerance);
        let side = match self.direction {
            Direction::Near => return format!("{value} ± {tolerance}"),
            Direction::AtLeast => "at least",
            Direction::AtMost => "at most",
        };
        match tolerance {
            0.0 => format!("{side} {value}"),
            _ => format!("{side} {value} (tolerance {tolerance})"),
        }
    }

    /// The figure, with the step where it is not the last one: `test/elbo at step 469`.
    pub fn what(&self) -> String {
        match self.step {
            Some(step) => format!("{} at step {step}", self.figure),
            None => self.figure.clone(),
        }
    }

    /// Refuses what no figure can be compared with.
    pub fn check(&self) -> Result<()> {
        let problem = match (self.value, self.tolerance) {
            (value, _) if !value.is_finite() => {
                format!("of `{}` must be a finite number, not {value}", self.figure)
            }
            (_, tolerance) if !(0.0..f64::INFINITY).contains(&tolerance) => format!(
                "of `{}` must be finite and at least 0, not {tolerance}",
                self.figure
            ),
            _ => return Ok(()),
        };
        let field = match self.value.is_finite() {
            true => "expect.tolerance",
            false => "expect.value",
        };
        Err(latentlab_core::Error::config(field, problem).into())
    }
}

impl Verdict {
    /// The figure less the expected value, where there is a figure.
    pub fn difference(self) -> Option<f64> {
        match self {
            Self::Met { difference } | Self::Missed { difference } => Some(difference),
            Self::Absent => None,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met { .. } => "met",
            Self::Missed { .. } => "missed",
            Self::Absent => "absent",
        })
    }
}

/// A difference with its sign and as many digits as are worth reading.
pub fn signed(difference: f64) -> String {
    match difference > 0.0 {
        true => format!("+{}", number(difference)),
        false => number(difference),
    }
}

/// The verdicts on what came of each expectation, as lines below the closing words of a run; `whole`
/// says whether it took all the steps that the expectations are about.
pub fn closing_words(expectations: &[(Expectation, Option<f64>)], whole: bool) -> String {
    let mut text = String::new();
    for (expectation, came) in expectations {
        let (figure, wanted) = (expectation.what(), expectation.wanted());
        let came = match (whole, expectation.judge(*came), came) {
            (false, _, _) => "not judged: the run was stopped early".to_owned(),
            (true, verdict, None) => verdict.to_string(),
            (true, verdict, Some(value)) => {
                let difference = verdict.difference().map_or(String::new(), signed);
                format!("came {} ({difference}): {verdict}", number(*value))
            }
        };
        text.push_str(&format!("\n  expected {figure} {wanted}, {came}"));
        if !expectation.source.is_empty() {
            text.push_str(&format!(" [{}]", expectation.source));
        }
    }
    text
}

#[cfg(test)]
mod tests;
