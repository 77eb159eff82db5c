//! Learning-rate schedules: a factor on the learning rate, as a pure function of the step.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the learning rate changes over a run.
///
/// During the warm-up the factor rises linearly to 1: it is `step / warmup` at the steps
/// `1..=warmup`. After it, it is as given below, with `t = step - 1 - warmup`, the steps taken since
/// the warm-up, and `T = steps - warmup` (at least 1), the steps from the warm-up to the end of the
/// schedule. So `t/T` is 0 at the step `warmup + 1`, still `1 - 1/T` at the step `steps`, and `final`
/// is reached at `steps + 1`, as PyTorch reaches it after `T_max` calls: a schedule as long as the
/// run ends just before it.
///
/// A schedule that ends may begin late: the factor is 1 up to the step `begin`, from where the
/// schedule, warm-up included, counts its steps. A run that was to end and goes on
/// [restarts](Self::restarted) it so.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    /// Always 1.
    Constant {
        /// Steps of linear warm-up.
        #[serde(default)]
        warmup: u64,
    },
    /// `1 - (1 - final) t/T`, then `final`.
    Linear {
        /// Steps of linear warm-up.
        #[serde(default)]
        warmup: u64,
        /// The factor at the end, 0 to 1.
        #[serde(default, rename = "final")]
        last: f64,
        /// The last step before `final`; the last step of the run if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<u64>,
        /// The step that the schedule counts from; the factor is 1 until then.
        #[serde(default, skip_serializing_if = "is_zero")]
        begin: u64,
    },
    /// `final + (1 - final) (1 + cos(π t/T)) / 2`, then `final` (Loshchilov and Hutter 2017, eq. 5,
    /// without restarts).
    Cosine {
        /// Steps of linear warm-up.
        #[serde(default)]
        warmup: u64,
        /// The factor at the end, 0 to 1.
        #[serde(default, rename = "final")]
        last: f64,
        /// The last step before `final`; the last step of the run if not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        steps: Option<u64>,
        /// The step that the schedule counts from; the factor is 1 until then.
        #[serde(default, skip_serializing_if = "is_zero")]
        begin: u64,
    },
    /// `factor^⌊t/every⌋`.
    Step {
        /// Steps of linear warm-up.
        #[serde(default)]
        warmup: u64,
        /// Steps between two reductions.
        every: u64,
        /// What the learning rate is multiplied by at each, 0 to 1.
        factor: f64,
    },
}

impl Default for Schedule {
    fn default() -> Self {
        Self::Constant { warmup: 0 }
    }
}

impl Schedule {
    /// The factor in step `step` (from 1) of a run of `total_steps`, in `[0, 1]`.
    pub fn factor(&self, step: u64, total_steps: u64) -> f64 {
        let begin = match *self {
            Self::Linear { begin, .. } | Self::Cosine { begin, .. } => begin,
            Self::Constant { .. } | Self::Step { .. } => 0,
        };
        if step <= begin && begin > 0 {
            return 1.0;
        }
        let step = step - begin;
        let warmup = match *self {
            Self::Constant { warmup }
            | Self::Linear { warmup, .. }
            | Self::Cosine { warmup, .. }
            | Self::Step { warmup, .. } => warmup,
        };
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let since = step.saturating_sub(1 + warmup);
        let progress = |steps: Option<u64>| {
            let end = steps.unwrap_or(total_steps).saturating_sub(begin);
            let span = end.saturating_sub(warmup);
            (since as f64 / span.max(1) as f64).min(1.0)
        };
        match *self {
            Self::Constant { .. } => 1.0,
            Self::Linear { last, steps, .. } => 1.0 - (1.0 - last) * progress(steps),
            Self::Cosine { last, steps, .. } => {
                let falling = (1.0 + (std::f64::consts::PI * progress(steps)).cos()) / 2.0;
                last + (1.0 - last) * falling
            }
            Self::Step { every, factor, .. } => factor.powf((since / every.max(1)) as f64),
        }
    }

    /// Whether the factor follows the number of steps of the run, so that a run of more steps is
    /// another run.
    pub fn ends_with_the_run(&self) -> bool {
        matches!(
            self,
            Self::Linear { steps: None, .. } | Self::Cosine { steps: None, .. }
        )
    }

    /// The schedule that begins anew after `step`, warm-up included, and ends with the run; a
    /// schedule without an end stays as it is.
    pub fn restarted(mut self, step: u64) -> Self {
        if let Self::Linear { begin, steps, .. } | Self::Cosine { begin, steps, .. } = &mut self {
            (*begin, *steps) = (step, None);
        }
        self
    }

    /// The schedule that ends with the run, as if it had done so from its beginning; a schedule
    /// without an end stays as it is.
    pub fn stretched(mut self) -> Self {
        if let Self::Linear { steps, .. } | Self::Cosine { steps, .. } = &mut self {
            *steps = None;
        }
        self
    }

    /// What is wrong with the values, with the key it is about.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let unit = |key, value: f64| {
            let fits = (0.0..=1.0).contains(&value);
            (!fits).then(|| (key, format!("{value} is not in the range 0 to 1")))
        };
        match *self {
            Self::Constant { .. } => None,
            Self::Linear {
                begin,
                steps: Some(steps),
                ..
            }
            | Self::Cosine {
                begin,
                steps: Some(steps),
                ..
            } if begin > 0 && begin >= steps => {
                let problem = format!("{begin} is not below `steps`, {steps}");
                Some(("begin", problem))
            }
            Self::Linear { last, .. } | Self::Cosine { last, .. } => unit("final", last),
            Self::Step { every: 0, .. } => Some(("every", "must be at least 1".to_owned())),
            Self::Step { factor, .. } => unit("factor", factor),
        }
    }
}

/// For keys that are written only where they say something.
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests;
