//! How the running average forgets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use latentlab_core::numbers::shown;

/// How the running average forgets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// The share of the average that a step keeps, 0 to 1; it remembers about `1 / (1 - decay)`
    /// steps.
    pub decay: f64,
    /// Steps during which the average is a plain copy, so that it forgets the initial values.
    #[serde(default)]
    pub warmup: u64,
    /// Begin with a short memory, so that a short run is not an average over its first steps: in the
    /// n-th step after `warmup` the share kept is the smaller of `decay` and (1 + n) / (10 + n).
    #[serde(default = "ramped")]
    pub ramp: bool,
}

fn ramped() -> bool {
    true
}

impl EmaConfig {
    /// The share of the average that step `step` (from 1) keeps.
    pub fn decay_at(&self, step: u64) -> f64 {
        let since = step.saturating_sub(self.warmup) as f64;
        match (step <= self.warmup, self.ramp) {
            (true, _) => 0.0,
            (false, true) => self.decay.min((1.0 + since) / (10.0 + since)),
            (false, false) => self.decay,
        }
    }

    /// What is to be said of an average that remembers more steps than a run of `steps` has; none if
    /// it does not, or if the run is a trial of ten steps or fewer, a tenth of which is nothing to
    /// remember.
    pub fn warning(&self, steps: u64) -> Option<String> {
        let memory = (1.0 - self.decay).recip();
        // 0.999 is not quite that number: the memory is a thousand steps and a little.
        if steps <= 10 || memory * (1.0 - 1e-9) <= steps as f64 {
            return None;
        }
        let decay = self.decay;
        // Remembers a tenth of the run.
        let shorter = shown((1.0 - 10.0 / steps as f64).max(0.0));
        let memory = match memory.is_finite() {
            true => format!("about {memory:.0} steps"),
            false => "every step".to_owned(),
        };
        let consequence = match self.ramp {
            true => "its ramp is not over at the end, when it remembers about a ninth of them",
            false => "the average is still made of the first steps at the end",
        };
        let mend = match self.ramp {
            true => format!("for a memory that stays the same take `ema.decay = {shorter}`"),
            false => format!("take `ema.ramp = true` or `ema.decay = {shorter}`"),
        };
        Some(format!(
            "`ema.decay` = {decay} remembers {memory}, the run has {steps}: {consequence}; {mend}"
        ))
    }
}

/// Writes into an experiment that was resolved by an earlier version what its keys meant then: an
/// `[ema]` table without `ramp` had none. To be called on the `config.toml` of a run directory, where
/// every key stands that the version knew, before it is read.
pub fn keep_older_meaning(experiment: &mut Table) {
    if let Some(Value::Table(ema)) = experiment.get_mut("ema")
        && !ema.contains_key("ramp")
    {
        ema.insert("ramp".to_owned(), Value::Boolean(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> EmaConfig {
        toml::from_str(text).expect("the text is valid TOML of an EmaConfig")
    }

    #[test]
    fn the_ramp_is_the_published_one_from_the_end_of_the_warm_up_on() {
        let ramped = config("decay = 0.5");
        let decays: Vec<f64> = (1..=9).map(|step| ramped.decay_at(step)).collect();
        // min(decay, (1 + n) / (10 + n)) of TensorFlow's ExponentialMovingAverage
        let sevenths = [
            2.0 / 11.0,
            3.0 / 12.0,
            4.0 / 13.0,
            5.0 / 14.0,
            6.0 / 15.0,
            7.0 / 16.0,
        ];
        assert_eq!(decays[..6], sevenths);
        assert_eq!(decays[6..], [8.0 / 17.0, 0.5, 0.5]);
        let late = config("decay = 0.5\nwarmup = 20");
        assert_eq!(late.decay_at(20), 0.0);
        assert_eq!(late.decay_at(21), 2.0 / 11.0);
        let plain = config("decay = 0.5\nwarmup = 2\nramp = false");
        assert_eq!([1, 2, 3].map(|step| plain.decay_at(step)), [0.0, 0.0, 0.5]);
    }

    #[test]
    fn a_new_table_has_a_ramp_and_one_of_an_earlier_version_has_none() {
        assert!(config("decay = 0.9").ramp);
        for (before, after) in [
            ("[ema]\ndecay = 0.9\n", Some(false)),
            ("[ema]\ndecay = 0.9\nramp = true\n", Some(true)),
            ("steps = 3\n", None),
            ("ema = 3\n", None),
        ] {
            let mut table: Table = before.parse().unwrap();
            keep_older_meaning(&mut table);
            let ramp = table.get("ema").and_then(|ema| ema.get("ramp")?.as_bool());
            assert_eq!(ramp, after, "{before}");
        }
    }

    #[test]
    fn a_memory_longer_than_the_run_is_warned_of() {
        for (text, steps) in [
            ("decay = 0.999", 1000),
            ("decay = 0.999\nramp = false", 20_000),
            ("decay = 0.0", 1),
            ("decay = 0.999", 10),
        ] {
            assert_eq!(config(text).warning(steps), None, "{text}, {steps}");
        }
        let old = config("decay = 0.999\nramp = false").warning(900).unwrap();
        assert_eq!(
            old,
            "`ema.decay` = 0.999 remembers about 1000 steps, the run has 900: the average is still \
             made of the first steps at the end; take `ema.ramp = true` or `ema.decay = 0.98889`"
        );
        let ramped = config("decay = 1.0").warning(900).unwrap();
        assert_eq!(
            ramped,
            "`ema.decay` = 1 remembers every step, the run has 900: its ramp is not over at the \
             end, when it remembers about a ninth of them; for a memory that stays the same take \
             `ema.decay = 0.98889`"
        );
    }
}
