//! When to end before the last step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EXPLOSION, Goal};
use crate::Result;
use latentlab_core::numbers::unsigned_zero;

/// When to end before the last step; a rule that is not given never does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopConfig {
    /// The run has diverged when a phase's recorded loss stays larger than this many times the
    /// largest in the early part of its history (at least 1); 0 lets it grow.
    pub explosion: f64,
    /// Seconds of training after which the run ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wall_time: Option<f64>,
    /// End when a metric no longer improves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<Patience>,
    /// End when the discriminator can no longer tell real from generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equilibrium: Option<Equilibrium>,
}

/// Ends when a metric has not improved for some evaluations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// The metric's name in the records.
    pub metric: String,
    /// Whether low (`min`) or high (`max`) values are better.
    pub goal: Goal,
    /// Evaluations in a row without improvement.
    pub evaluations: u32,
}

/// Ends at the fixed point of the minimax game, D(x) = D(G(z)) = ½ (Goodfellow et al. 2014,
/// proposition 1). It tells nothing of the samples' quality: watch that too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equilibrium {
    /// Greatest distance of both probabilities from ½, 0 to ½.
    pub epsilon: f64,
    /// Evaluations in a row.
    pub evaluations: u32,
}

impl Default for StopConfig {
    fn default() -> Self {
        Self {
            explosion: EXPLOSION,
            wall_time: None,
            patience: None,
            equilibrium: None,
        }
    }
}

impl StopConfig {
    /// Whether every value can work.
    ///
    /// # Errors
    /// Names the first key whose value cannot work, such as `stop.patience.evaluations`.
    pub fn check(&self) -> Result<()> {
        let error = |key: &str, problem: String| {
            Err(latentlab_core::Error::config(format!("stop.{key}"), problem).into())
        };
        if self.explosion != 0.0 && !(self.explosion > 1.0 && self.explosion.is_finite()) {
            let problem = format!("{} is neither 0 nor a factor above 1", self.explosion);
            return error("explosion", problem);
        }
        if let Some(seconds) = self.wall_time
            && !(seconds.is_finite() && seconds > 0.0)
        {
            return error(
                "wall_time",
                format!(
                    "{} is not a number of seconds above 0",
                    unsigned_zero(seconds)
                ),
            );
        }
        let evaluations = [
            (
                "patience",
                self.patience.as_ref().map(|rule| rule.evaluations),
            ),
            (
                "equilibrium",
                self.equilibrium.as_ref().map(|rule| rule.evaluations),
            ),
        ];
        for (rule, evaluations) in evaluations {
            if evaluations == Some(0) {
                let key = format!("{rule}.evaluations");
                return error(&key, "must be at least 1".to_owned());
            }
        }
        match &self.equilibrium {
            Some(rule) if !(0.0..=0.5).contains(&rule.epsilon) => {
                let problem = format!("{} is not in the range 0 to 0.5", rule.epsilon);
                error("equilibrium.epsilon", problem)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_cannot_work_are_refused_by_key() {
        for (text, problem) in [
            ("wall_time = 0.0", "`stop.wall_time`: 0 is not"),
            ("explosion = 1.0", "`stop.explosion`: 1 is neither 0 nor"),
            ("explosion = -5.0", "`stop.explosion`: -5 is neither 0 nor"),
            ("explosion = nan", "`stop.explosion`: NaN is neither 0 nor"),
            ("explosion = inf", "`stop.explosion`: inf is neither 0 nor"),
            ("wall_time = nan", "`stop.wall_time`: NaN is not"),
            ("wall_time = -0.0", "`stop.wall_time`: 0 is not"),
            (
                "patience = { metric = 'elbo', goal = 'max', evaluations = 0 }",
                "`stop.patience.evaluations`: must be at least 1",
            ),
            (
                "equilibrium = { epsilon = 0.1, evaluations = 0 }",
                "`stop.equilibrium.evaluations`: must be at least 1",
            ),
            (
                "equilibrium = { epsilon = 0.6, evaluations = 1 }",
                "`stop.equilibrium.epsilon`: 0.6 is not in the range 0 to 0.5",
            ),
        ] {
            let config: StopConfig = toml::from_str(text).unwrap();
            let message = config.check().unwrap_err().to_string();
            assert!(message.starts_with(problem), "{message}");
        }
        let text =
            "explosion = 0.0\nwall_time = 1.5\nequilibrium = { epsilon = 0.5, evaluations = 1 }";
        toml::from_str::<StopConfig>(text).unwrap().check().unwrap();
    }
}
