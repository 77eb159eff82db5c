//! How a model is trained: the part of an experiment file about optimizers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use latentlab_optim::{EmaConfig, OptimizerConfig, Schedule};

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
    /// Paths of parameters that never move, nor do all below them and their running statistics:
    /// `["encoder", "decoder.0"]`. A phase that has nothing else to move never runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// Steps that are taken before a phase first runs, by the name of the phase:
    /// `{ generator = 1000 }` lets it rest in the first thousand.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub begin: BTreeMap<String, u64>,
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
            freeze: Vec::new(),
            begin: BTreeMap::new(),
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
                let merged = merged(&self.optimizer, own);
                OptimizerConfig::from_table(&format!("optimizers.{group}"), &merged)
            }
        }
    }

    /// Whether the learning rate of a group follows the number of steps of the run.
    ///
    /// # Errors
    /// As [`optimizer_of`](Self::optimizer_of).
    pub fn ends_with_the_run(&self) -> latentlab_core::Result<bool> {
        let common = OptimizerConfig::from_table("optimizer", &self.optimizer)?;
        let mut ends = common.schedule.ends_with_the_run();
        for group in self.optimizers.keys() {
            ends |= self.optimizer_of(group)?.schedule.ends_with_the_run();
        }
        Ok(ends)
    }

    /// The configuration, with all defaults written out, in which every schedule is what `change`
    /// makes of it: [`Schedule::stretched`] or [`Schedule::restarted`], for a run that goes on beyond
    /// its end.
    ///
    /// # Errors
    /// As [`optimizer_of`](Self::optimizer_of).
    pub fn with_schedules(
        &self,
        change: impl Fn(Schedule) -> Schedule,
    ) -> latentlab_core::Result<Self> {
        let changed = |mut config: OptimizerConfig| {
            config.schedule = change(config.schedule);
            config
        };
        self.resolve_with(changed)
    }

    /// The configuration with all defaults written out.
    ///
    /// # Errors
    /// As [`optimizer_of`](Self::optimizer_of).
    pub fn resolve(&self) -> latentlab_core::Result<Self> {
        self.resolve_with(|config| config)
    }

    fn resolve_with(
        &self,
        change: impl Fn(OptimizerConfig) -> OptimizerConfig,
    ) -> latentlab_core::Result<Self> {
        let table = |config: OptimizerConfig| {
            Table::try_from(change(config))
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

/// The keys of `common`, replaced by those of `own`, table by table.
fn merged(common: &Table, own: &Table) -> Table {
    let mut merged = common.clone();
    leave_behind(&mut merged, own, "adam", &OptimizerConfig::SHARED);
    if let Some(Value::Table(common)) = merged.get_mut("schedule")
        && let Some(Value::Table(own)) = own.get("schedule")
    {
        leave_behind(common, own, "constant", &["warmup"]);
    }
    latentlab_core::merge(&mut merged, own);
    merged
}

/// Where `own` names another variant than `common`, drops the keys of `common` but the shared ones.
fn leave_behind(common: &mut Table, own: &Table, default_name: &str, shared: &[&str]) {
    let name = |table: &Table| table.get("name").and_then(Value::as_str).map(str::to_owned);
    let common_name = name(common).unwrap_or_else(|| default_name.to_owned());
    if name(own).is_some_and(|own_name| own_name != common_name) {
        common.retain(|key, _| shared.contains(&key));
    }
}

#[cfg(test)]
mod tests;
