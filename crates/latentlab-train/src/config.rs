//! How a model is trained: the part of an experiment file about optimizers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{EmaConfig, OptimizerConfig};

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// The optimizer of every group of parameters.
    #[schemars(with = "OptimizerConfig")]
    pub optimizer: Table,
    /// What is different for one group, by its name (`[optimizers.discriminator]`). A key given
    /// here replaces the common one. Where `name` or `schedule.name` differs from the common one,
    /// keys that belong to the common rule or schedule are left behind.
    #[schemars(with = "BTreeMap<String, OptimizerConfig>")]
    pub optimizers: BTreeMap<String, Table>,
    /// Number of parts that a batch is processed in, one after the other, to need less memory; the
    /// gradient is that of the whole batch, but for layers that look at several images at once.
    pub accumulate: usize,
    /// Keep a running average of the parameters, and show, evaluate and sample from that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaConfig>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            optimizer: Table::new(),
            optimizers: BTreeMap::new(),
            accumulate: 1,
            ema: None,
        }
    }
}

impl TrainConfig {
    /// The optimizer of a group, with every key that is given nowhere at its default.
    ///
    /// # Errors
    /// [`Error::config`](latentlab_core::Error::config) for an unknown key or a value out of range.
    pub fn optimizer_of(&self, group: &str) -> latentlab_core::Result<OptimizerConfig> {
        match self.optimizers.get(group) {
            None => OptimizerConfig::from_table("optimizer", &self.optimizer),
            Some(own) => {
                let merged = merge(&self.optimizer, own, "adam", &OptimizerConfig::SHARED);
                OptimizerConfig::from_table(&format!("optimizers.{group}"), &merged)
            }
        }
    }

    /// The configuration with all defaults written out.
    ///
    /// # Errors
    /// As [`optimizer_of`](Self::optimizer_of).
    pub fn resolve(&self) -> latentlab_core::Result<Self> {
        let table = |config: OptimizerConfig| {
            Table::try_from(config)
                .map_err(|error| latentlab_core::Error::config("optimizer", error.to_string()))
        };
        let mut optimizers = BTreeMap::new();
        for group in self.optimizers.keys() {
            optimizers.insert(group.clone(), table(self.optimizer_of(group)?)?);
        }
        Ok(Self {
            optimizer: table(OptimizerConfig::from_table("optimizer", &self.optimizer)?)?,
            optimizers,
            ..self.clone()
        })
    }
}

/// The keys of `common`, replaced by those of `own`. Where the two name different variants, only
/// the `shared` keys of `common` carry over.
fn merge(common: &Table, own: &Table, default_name: &str, shared: &[&str]) -> Table {
    let name = |table: &Table| table.get("name").and_then(Value::as_str).map(str::to_owned);
    let common_name = name(common).unwrap_or_else(|| default_name.to_owned());
    let same = name(own).is_none_or(|own_name| own_name == common_name);
    let mut merged = common.clone();
    merged.retain(|key, _| same || shared.contains(&key));
    for (key, value) in own {
        let value = match (key.as_str(), merged.get(key), value) {
            ("schedule", Some(Value::Table(common)), Value::Table(own)) => {
                Value::Table(merge(common, own, "constant", &["warmup"]))
            }
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged
}
