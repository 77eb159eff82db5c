//! The keys of one optimizer in an experiment file, checked.

use latentlab_core::{Error, Result, from_table, nearest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use super::{Adam, AdamW, RmsProp, Rule, Sgd};
use crate::Schedule;
use latentlab_core::numbers::unsigned_zero;

/// How one group of parameters is optimised.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct OptimizerConfig {
    /// The update rule and its own keys.
    #[serde(flatten)]
    pub rule: Rule,
    /// Learning rate.
    pub lr: f64,
    /// How the learning rate changes over the run.
    pub schedule: Schedule,
    /// Scale the group's gradient down to this Euclidean norm where it exceeds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Clamp every parameter to ± this value after each step, as the critic of the first
    /// Wasserstein GAN needs (Arjovsky et al. 2017, algorithm 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            rule: Rule::Adam(Adam::default()),
            lr: 1e-3,
            schedule: Schedule::default(),
            clip_norm: None,
            clip_value: None,
        }
    }
}

impl OptimizerConfig {
    /// The keys that mean the same for every rule.
    pub const SHARED: [&'static str; 4] = ["lr", "schedule", "clip_norm", "clip_value"];

    /// Reads the keys found at `field` of an experiment file; missing ones take the default's
    /// values, a missing `name` is `adam`.
    ///
    /// # Errors
    /// For an unknown key or name, with the nearest known one, and for values out of range.
    pub fn from_table(field: &str, table: &Table) -> Result<Self> {
        let mut own = table.clone();
        let mut shared = Table::new();
        for key in Self::SHARED {
            if let Some(value) = own.remove(key) {
                shared.insert(key.to_owned(), value);
            }
        }
        let rule = Rule::from_table(field, own)?;
        let shared: Shared = from_table(field, shared)?;
        let config = Self {
            rule,
            lr: shared.lr,
            schedule: shared.schedule,
            clip_norm: shared.clip_norm,
            clip_value: shared.clip_value,
        };
        match config.problem() {
            None => Ok(config),
            Some((key, problem)) => Err(Error::config(format!("{field}.{key}"), problem)),
        }
    }

    fn problem(&self) -> Option<(String, String)> {
        let positive = |key: &str, value: Option<f64>| {
            let bad = value.filter(|value| !(*value > 0.0 && value.is_finite()))?;
            let bad = unsigned_zero(bad);
            Some((key.to_owned(), format!("{bad} is not a number above 0")))
        };
        let own = |(key, problem): (&str, String)| (key.to_owned(), problem);
        let schedule = |(key, problem)| (format!("schedule.{key}"), problem);
        positive("lr", Some(self.lr))
            .or_else(|| positive("clip_norm", self.clip_norm))
            .or_else(|| positive("clip_value", self.clip_value))
            .or_else(|| self.rule.problem().map(own))
            .or_else(|| self.schedule.problem().map(schedule))
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Shared {
    lr: f64,
    schedule: Schedule,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
}

impl Default for Shared {
    fn default() -> Self {
        let OptimizerConfig {
            lr,
            schedule,
            clip_norm,
            clip_value,
            ..
        } = OptimizerConfig::default();
        Self {
            lr,
            schedule,
            clip_norm,
            clip_value,
        }
    }
}

impl Rule {
    /// The rule of this name with PyTorch's values.
    ///
    /// # Errors
    /// For an unknown name, with the nearest known one.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "adam" => Ok(Self::Adam(Adam::default())),
            "adamw" => Ok(Self::AdamW(AdamW::default())),
            "rmsprop" => Ok(Self::RmsProp(RmsProp::default())),
            "sgd" => Ok(Self::Sgd(Sgd::default())),
            _ => Err(Error::unknown("optimizer", name, Self::NAMES)),
        }
    }

    fn from_table(field: &str, mut table: Table) -> Result<Self> {
        let name = match table.remove("name") {
            None => "adam".to_owned(),
            Some(Value::String(name)) => name,
            Some(other) => {
                let problem = format!("{other} is not a name; known: {}", Self::NAMES.join(", "));
                return Err(Error::config(format!("{field}.name"), problem));
            }
        };
        match Self::named(&name)? {
            Self::Adam(default) => own_keys(field, &name, &default, table).map(Self::Adam),
            Self::AdamW(default) => own_keys(field, &name, &default, table).map(Self::AdamW),
            Self::RmsProp(default) => own_keys(field, &name, &default, table).map(Self::RmsProp),
            Self::Sgd(default) => own_keys(field, &name, &default, table).map(Self::Sgd),
        }
    }
}

/// Reads a rule's own keys; an unknown key is met with the shared ones too.
fn own_keys<C>(field: &str, rule: &str, default: &C, table: Table) -> Result<C>
where
    C: Serialize + DeserializeOwned,
{
    let own = Table::try_from(default).map_err(|e| Error::config(field, e.to_string()))?;
    let known = || {
        own.keys()
            .map(String::as_str)
            .chain(OptimizerConfig::SHARED)
    };
    if let Some(key) = table.keys().find(|key| !own.contains_key(*key)) {
        let meant = nearest(key, known()).map(|key| format!(", did you mean `{key}`?"));
        let known: Vec<&str> = known().collect();
        let problem = format!(
            "not a key of the optimizer `{rule}`{}; known: name, {}",
            meant.unwrap_or_default(),
            known.join(", ")
        );
        return Err(Error::config(format!("{field}.{key}"), problem));
    }
    from_table(field, table)
}
