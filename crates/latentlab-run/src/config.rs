//! An experiment file: everything a run depends on, and nothing else.

use std::collections::BTreeMap;

use latentlab_core::{Registry, from_table, merge};
use latentlab_data::DataConfig;
use latentlab_optim::EmaConfig;
use latentlab_train::{
    TrainConfig,
    observers::{Goal, StopConfig},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{
    Error, Expectation, InitFrom, Result,
    goals::{fill_goals, forget_goals},
    initial,
};

/// More threads than any machine this was tried on has cores; each of them spins while it waits.
const MOST_THREADS: usize = 256;
/// Images in one picture, which nobody can look at beyond this.
const MOST_SAMPLES: usize = 4096;

/// The keys of an experiment file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Experiment {
    /// One line for `list`.
    pub summary: String,
    /// Seed of everything random: initial parameters, order of the data, noise.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Images in each step.
    pub batch_size: usize,
    /// Threads of the tensor operations; 0 is one for each core. The result does not depend on it.
    pub threads: usize,
    /// Where to train: `auto`, `cpu`, `cuda:N` or `metal`.
    pub device: String,
    /// Number of parts that a batch is processed in, one after the other, to need less memory.
    pub accumulate: usize,
    /// What to train on: `name`, and the keys of that source.
    #[schemars(with = "serde_json::Value")]
    pub data: Table,
    /// What to train.
    pub model: Model,
    /// Which run the initial parameters are taken from, in the place of new ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_from: Option<InitFrom>,
    /// Paths of parameters that never move, nor do all below them and their running statistics:
    /// `["encoder", "decoder.0"]`. A phase that has nothing else to move never runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<String>,
    /// Steps that are taken before a phase first runs, by its name: `begin.generator = 1000`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub begin: BTreeMap<String, u64>,
    /// The optimizer of every group of parameters.
    #[schemars(with = "serde_json::Value")]
    pub optimizer: Table,
    /// What is different for one group of parameters, such as `[optimizers.discriminator]`.
    #[schemars(with = "serde_json::Value")]
    pub optimizers: BTreeMap<String, Table>,
    /// Keep a running average of the parameters; it is then what is drawn and evaluated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaConfig>,
    /// Which steps go into `metrics.jsonl`.
    pub metrics: Metrics,
    /// Which steps leave pictures.
    pub samples: Samples,
    /// Which steps are evaluated on the test set.
    pub evaluate: Evaluate,
    /// Which steps leave a checkpoint.
    pub checkpoint: Checkpoint,
    /// When to stop before the last step.
    pub stop: StopConfig,
    /// What a run of all steps should come to; its end and its report say whether it did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expectation>,
}

/// What to train.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Model {
    /// A registered model; `list` shows them.
    pub name: String,
    /// The model's own keys.
    #[schemars(with = "serde_json::Value")]
    pub config: Table,
}

/// Which steps go into `metrics.jsonl`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Record the losses every this many steps; 0 records the last step only.
    pub every: u64,
}

/// Which steps leave pictures.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Samples {
    /// Draw every this many steps; 0 draws the last step only.
    pub every: u64,
    /// Images in a picture of samples.
    pub count: usize,
}

/// Which steps are evaluated on the test set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Evaluate {
    /// Evaluate every this many steps; 0 evaluates the last step only.
    pub every: u64,
    /// Test images used, and samples drawn, at most.
    pub images: usize,
    /// Importance samples of the bound on log p(x); 0 leaves it out.
    pub importance_samples: usize,
    /// What samples and test images are compared by: `digits` or `pictures` (the networks that come
    /// with the program), `pixels`, the file of a feature network, `none`, or `auto`: `digits` on
    /// MNIST, `pictures` on other grey and colour pictures and `none` elsewhere.
    pub features: String,
}

/// Which steps leave a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Checkpoint {
    /// Save every this many steps; 0 saves after the last step only.
    pub every: u64,
    /// Checkpoints to keep: the last ones, and the best beside them.
    pub keep: usize,
    /// Which checkpoint is the best; without it none is marked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<Best>,
}

/// Which checkpoint is the best.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// The figure that decides, such as `test/elbo`.
    pub metric: String,
    /// Whether it is better when low (`min`) or high (`max`); may be left out for the figures of
    /// `list --figures`.
    pub goal: Goal,
}

impl Default for Experiment {
    fn default() -> Self {
        Self {
            summary: String::new(),
            seed: 0,
            steps: 1000,
            batch_size: 128,
            threads: 0,
            device: "auto".to_owned(),
            accumulate: 1,
            data: Table::from_iter([("name".to_owned(), Value::from("mnist"))]),
            model: Model::default(),
            init_from: None,
            freeze: Vec::new(),
            begin: BTreeMap::new(),
            optimizer: Table::new(),
            optimizers: BTreeMap::new(),
            ema: None,
            metrics: Metrics::default(),
            samples: Samples::default(),
            evaluate: Evaluate::default(),
            checkpoint: Checkpoint::default(),
            stop: StopConfig::default(),
            expect: Vec::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { every: 10 }
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self {
            every: 500,
            count: 64,
        }
    }
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            every: 500,
            images: 10_000,
            importance_samples: 0,
            features: "auto".to_owned(),
        }
    }
}

impl Default for Checkpoint {
    fn default() -> Self {
        Self {
            every: 500,
            keep: 3,
            best: None,
        }
    }
}

impl Experiment {
    /// Reads the keys of an experiment file with `overrides` laid over it, and writes out every
    /// default: of the file itself, the data, the model and the optimizers.
    ///
    /// # Errors
    /// For an unknown key or name and a value of the wrong type or range, naming the key and what
    /// would be right.
    pub fn resolve(file: &Table, overrides: &Table, registry: &Registry) -> Result<Self> {
        let (mut table, mut overrides) = (file.clone(), overrides.clone());
        forget_goals(&mut table, &overrides);
        initial::spell_out(&mut table);
        initial::spell_out(&mut overrides);
        merge(&mut table, &overrides);
        fill_goals(&mut table)?;
        let mut experiment: Self = from_table("", table)?;
        experiment.check()?;
        experiment.data = DataConfig::from_table(&experiment.data)?.to_table()?;
        let model = registry.get(&experiment.model.name)?;
        experiment.model.config = model.resolve(&experiment.model.config)?;
        let training = experiment.training().resolve()?;
        experiment.optimizer = training.optimizer;
        experiment.optimizers = training.optimizers;
        Ok(experiment)
    }

    /// The part of the file that the trainer reads.
    pub fn training(&self) -> TrainConfig {
        TrainConfig {
            optimizer: self.optimizer.clone(),
            optimizers: self.optimizers.clone(),
            accumulate: self.accumulate,
            freeze: self.freeze.clone(),
            begin: self.begin.clone(),
            ema: self.ema,
        }
    }

    /// The experiment as a table with every key.
    pub fn to_table(&self) -> Result<Table> {
        Table::try_from(self).map_err(|error| Error::Argument(error.to_string()))
    }

    /// The same, without the hash of initial parameters where `other` leaves that open.
    pub fn wanted_by(mut self, other: &Self) -> Self {
        let open = other
            .init_from
            .as_ref()
            .is_some_and(|from| from.sha256.is_none());
        if let Some(from) = self.init_from.as_mut().filter(|_| open) {
            from.sha256 = None;
        }
        self
    }

    fn check(&self) -> Result<()> {
        for (field, value) in [
            ("steps", self.steps),
            ("batch_size", self.batch_size as u64),
            ("accumulate", self.accumulate as u64),
            ("samples.count", self.samples.count as u64),
            ("evaluate.images", self.evaluate.images as u64),
            ("checkpoint.keep", self.checkpoint.keep as u64),
        ] {
            if value == 0 {
                return Err(latentlab_core::Error::config(field, "must be at least 1").into());
            }
        }
        for (field, value, most) in [
            ("threads", self.threads, MOST_THREADS),
            ("samples.count", self.samples.count, MOST_SAMPLES),
        ] {
            if value > most {
                let problem = format!("must be at most {most}, not {value}");
                return Err(latentlab_core::Error::config(field, problem).into());
            }
        }
        self.stop.check()?;
        self.expect.iter().try_for_each(Expectation::check)?;
        let beyond = self.expect.iter().filter_map(|expected| expected.step);
        if let Some(step) = beyond.filter(|step| *step > self.steps).max() {
            let problem = format!("{step} is beyond the last of {} steps", self.steps);
            return Err(latentlab_core::Error::config("expect.step", problem).into());
        }
        if self.accumulate > self.batch_size {
            let problem = format!("must not exceed `batch_size`, {}", self.batch_size);
            return Err(latentlab_core::Error::config("accumulate", problem).into());
        }
        if let Some(init_from) = &self.init_from
            && init_from.run.as_os_str().is_empty()
        {
            let problem = "is missing: the run directory to take the parameters from";
            return Err(latentlab_core::Error::config("init_from.run", problem).into());
        }
        if self.model.name.is_empty() {
            let problem = "is missing; `list` shows the models";
            return Err(latentlab_core::Error::config("model.name", problem).into());
        }
        Ok(())
    }
}

/// Keys that may change when a run is taken up again: they decide how long it goes on and what is
/// written down, not what is computed.
const HARMLESS: [&str; 11] = [
    "summary",
    "steps",
    "threads",
    "device",
    "metrics.",
    "samples.",
    "evaluate.",
    "checkpoint.",
    "stop.",
    "data.workers",
    "expect",
];

/// Keys that say where data lie. What lies there is held to the hashes that a run recorded.
const LOCATIONS: [&str; 2] = ["data.dir", "data.path"];

/// Whether `key` says where data lie.
pub fn is_location(key: &str) -> bool {
    LOCATIONS.contains(&key)
}

/// Where data lie that are configured so, if they lie anywhere.
pub fn location(data: &Table) -> Option<&str> {
    let keys = LOCATIONS.iter().filter_map(|key| key.strip_prefix("data."));
    keys.filter_map(|key| data.get(key)?.as_str()).next()
}

/// Whether a run may be taken up again with another value of `key`.
pub fn is_harmless(key: &str) -> bool {
    is_location(key) || is_among_harmless(key)
}

fn is_among_harmless(key: &str) -> bool {
    HARMLESS
        .iter()
        .any(|harmless| key == *harmless || harmless.ends_with('.') && key.starts_with(harmless))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_may_not_change_on_the_way() {
        assert!(is_harmless("steps"));
        assert!(is_harmless("samples.every"));
        assert!(!is_harmless("seed"));
        assert!(!is_harmless("data.name"));
        assert!(!is_harmless("model.config.latent"));
    }
}
