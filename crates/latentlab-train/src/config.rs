//! How a model is trained: the part of an experiment file about optimizers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{EmaConfig, OptimizerConfig, Schedule};

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
mod tests {
    use super::*;
    use crate::optimizer::{Adam, Rule, Sgd};

    fn config(text: &str) -> TrainConfig {
        toml::from_str(text).expect("the text is valid TOML of a TrainConfig")
    }

    fn refusal(text: &str) -> String {
        let config = config(text);
        let groups = ["discriminator", "generator"];
        let errors = groups
            .iter()
            .filter_map(|group| config.optimizer_of(group).err());
        errors
            .map(|error| error.to_string())
            .next()
            .expect("the text is refused")
    }

    #[test]
    fn an_empty_table_is_adam_with_the_usual_values() {
        let optimizer = config("").optimizer_of("generator").unwrap();
        assert_eq!(optimizer, OptimizerConfig::default());
        assert_eq!(optimizer.rule, Rule::Adam(Adam::default()));
    }

    #[test]
    fn a_group_keeps_the_common_keys_that_it_does_not_replace() {
        let config = config(
            "optimizer = { lr = 2e-4, beta1 = 0.5, clip_norm = 1.0 }
             optimizers.discriminator = { lr = 4e-4 }",
        );
        let discriminator = config.optimizer_of("discriminator").unwrap();
        assert_eq!(
            (discriminator.lr, discriminator.clip_norm),
            (4e-4, Some(1.0))
        );
        let beta1 = Adam {
            beta1: 0.5,
            ..Adam::default()
        };
        assert_eq!(discriminator.rule, Rule::Adam(beta1));
        assert_eq!(config.optimizer_of("generator").unwrap().lr, 2e-4);
    }

    #[test]
    fn a_group_with_another_rule_keeps_the_shared_keys_only() {
        let config = config(
            "optimizer = { lr = 2e-4, beta1 = 0.5, schedule = { name = \"linear\", final = 0.1 } }
             optimizers.discriminator = { name = \"sgd\", momentum = 0.9 }",
        );
        let discriminator = config.optimizer_of("discriminator").unwrap();
        assert_eq!(
            discriminator.rule,
            Rule::Sgd(Sgd {
                momentum: 0.9,
                weight_decay: 0.0
            })
        );
        assert_eq!(discriminator.lr, 2e-4);
        let linear = Schedule::Linear {
            warmup: 0,
            last: 0.1,
            steps: None,
            begin: 0,
        };
        assert_eq!(discriminator.schedule, linear);
    }

    #[test]
    fn a_group_with_another_schedule_keeps_the_warm_up_only() {
        let config = config(
            "optimizer.schedule = { name = \"linear\", final = 0.1, warmup = 7 }
             optimizers.generator.schedule = { name = \"cosine\" }",
        );
        let cosine = Schedule::Cosine {
            warmup: 7,
            last: 0.0,
            steps: None,
            begin: 0,
        };
        assert_eq!(config.optimizer_of("generator").unwrap().schedule, cosine);
    }

    #[test]
    fn a_misspelt_key_is_met_with_the_nearest_of_the_rule() {
        assert_eq!(
            refusal("optimizers.discriminator.beta3 = 0.5"),
            "`optimizers.discriminator.beta3`: not a key of the optimizer `adam`, did you mean \
             `beta1`?; known: name, beta1, beta2, eps, weight_decay, lr, schedule, clip_norm, \
             clip_value"
        );
    }

    #[test]
    fn a_misspelt_rule_is_met_with_the_nearest() {
        assert_eq!(
            refusal("optimizer.name = \"adamm\""),
            "no optimizer named `adamm`, did you mean `adam`?; known: adam, adamw, rmsprop, sgd"
        );
    }

    #[test]
    fn values_out_of_range_are_refused_by_key() {
        for (text, key) in [
            ("optimizer.lr = 0.0", "`optimizer.lr`"),
            ("optimizer.lr = nan", "`optimizer.lr`"),
            ("optimizer.lr = -0.0", "`optimizer.lr`: 0 is not"),
            ("optimizer.lr = \"fast\"", "`optimizer.lr`"),
            ("optimizer.beta1 = 1.0", "`optimizer.beta1`"),
            ("optimizer.clip_norm = -1.0", "`optimizer.clip_norm`"),
            (
                "optimizers.generator.eps = -1.0",
                "`optimizers.generator.eps`",
            ),
            (
                "optimizer.schedule = { name = \"step\", every = 0, factor = 0.5 }",
                "`optimizer.schedule.every`",
            ),
            (
                "optimizer.schedule = { name = \"cosine\", begin = 9, steps = 9 }",
                "`optimizer.schedule.begin`: 9 is not below `steps`, 9",
            ),
        ] {
            let message = refusal(text);
            assert!(message.starts_with(key), "{text}: {message}");
        }
    }

    #[test]
    fn resolving_writes_every_default_out_and_changes_nothing() {
        let config = config(
            "optimizer.lr = 0.01
             optimizers.generator = { name = \"rmsprop\", alpha = 0.9 }",
        );
        let resolved = config.resolve().unwrap();
        assert_eq!(resolved.optimizer["beta2"].as_float(), Some(0.999));
        assert_eq!(resolved.resolve().unwrap(), resolved);
        for group in ["discriminator", "generator"] {
            assert_eq!(
                resolved.optimizer_of(group).unwrap(),
                config.optimizer_of(group).unwrap()
            );
        }
    }

    #[test]
    fn every_schedule_of_a_run_that_goes_on_can_be_changed() {
        let config = config(
            "optimizer.schedule = { name = \"cosine\", steps = 100 }
             optimizers.generator.schedule = { name = \"linear\", warmup = 3 }
             optimizers.discriminator.schedule = { name = \"constant\" }",
        );
        assert!(config.ends_with_the_run().unwrap());
        let restarted = config.with_schedules(|one| one.restarted(100)).unwrap();
        let schedule = |group| restarted.optimizer_of(group).unwrap().schedule;
        let cosine = Schedule::Cosine {
            warmup: 0,
            last: 0.0,
            steps: None,
            begin: 100,
        };
        assert_eq!(schedule("encoder"), cosine);
        let linear = Schedule::Linear {
            warmup: 3,
            last: 0.0,
            steps: None,
            begin: 100,
        };
        assert_eq!(schedule("generator"), linear);
        assert_eq!(schedule("discriminator"), Schedule::Constant { warmup: 0 });
        let own = self::config("optimizer.schedule = { name = \"cosine\", steps = 100 }");
        assert!(!own.ends_with_the_run().unwrap());
    }
}
