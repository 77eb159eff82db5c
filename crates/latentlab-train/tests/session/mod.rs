//! A short run of the toy model that leaves several checkpoints, and what it leaves.

// Each test file uses its own part.
#![allow(dead_code)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use latentlab_core::{Batch, BatchSource};
use latentlab_optim::Ema;
use latentlab_tensor::ParamStore;
use latentlab_train::{
    CheckpointStore, Outcome, PhaseTrainer, Record, Result, Run, StopReason, TrainConfig, Trainer,
    View,
    observers::{
        Checkpoints, Divergence, Goal, MetricsFile, Observer, Scalars, StopConfig, StopRules,
        read_metrics,
    },
    run,
};
use toy::{Points, Toy};

#[path = "../../src/toy.rs"]
pub mod toy;

pub const SEED: u64 = 4;
pub const STEPS: u64 = 24;
/// Steps between two checkpoints, of which three are kept.
pub const EVERY: u64 = 5;

/// Points, and an interruption during one of the steps.
struct Interrupting<'a> {
    step: u64,
    interrupted: &'a AtomicBool,
}

impl BatchSource for Interrupting<'_> {
    fn batch(&mut self, index: u64) -> latentlab_core::Result<Batch> {
        self.interrupted
            .store(index + 1 == self.step, Ordering::Relaxed);
        Points.batch(index)
    }
}

/// What a session is like beside the configuration of the training.
pub struct Plan {
    pub stop: StopConfig,
    /// What decides which checkpoint is the best.
    pub best: (&'static str, Goal),
    /// The metric `measured` of the steps in which it is something.
    pub measure: fn(u64) -> Option<f64>,
    /// The step during which the session is interrupted.
    pub until: u64,
    pub steps: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            stop: StopConfig::default(),
            best: ("generator/loss", Goal::Min),
            measure: |_| None,
            until: u64::MAX,
            steps: STEPS,
        }
    }
}

/// One session of a run of `STEPS` steps in `directory`, interrupted in step `until`.
pub fn session(config: &TrainConfig, directory: &Path, until: u64) -> Result<Outcome> {
    ruled_session(config, StopConfig::default(), directory, until)
}

/// A session that rules may end.
pub fn ruled_session(
    config: &TrainConfig,
    stop: StopConfig,
    directory: &Path,
    until: u64,
) -> Result<Outcome> {
    let plan = Plan {
        stop,
        until,
        ..Plan::default()
    };
    planned_session(config, &plan, directory)
}

/// A run of `steps` steps in `directory`, or the rest of it.
pub fn run_of(config: &TrainConfig, directory: &Path, steps: u64) -> Result<Outcome> {
    let plan = Plan {
        steps,
        ..Plan::default()
    };
    planned_session(config, &plan, directory)
}

/// Records what a plan measures.
struct Measured(fn(u64) -> Option<f64>);

impl Observer for Measured {
    fn observe(&mut self, view: &View<'_>, record: &mut Record) -> Result<Option<StopReason>> {
        if let Some(value) = self.0(view.step) {
            record.insert("measured", value);
        }
        Ok(None)
    }
}

/// A session as planned.
pub fn planned_session(config: &TrainConfig, plan: &Plan, directory: &Path) -> Result<Outcome> {
    let (model, store) = Toy::new();
    let average = config.ema.map(|ema| (ema, Toy::new()));
    let mut trainer = PhaseTrainer::new(&model, &store, config, plan.steps, SEED)?;
    if let Some((ema, (_, averaged))) = &average {
        trainer = trainer.with_ema(Ema::new(&store, averaged, *ema).unwrap());
    }
    let averaged: Option<&ParamStore> = average.as_ref().map(|(_, (_, averaged))| averaged);
    let checkpoints = CheckpointStore::open(directory.join("checkpoints"))?;
    checkpoints.recover()?;
    if let Some(snapshot) = checkpoints.latest().unwrap() {
        assert_eq!(snapshot.seed, SEED);
        snapshot.restore(&store, averaged, &mut trainer)?;
    }
    let (metric, goal) = plan.best;
    let path = directory.join("metrics.jsonl");
    let metrics = MetricsFile::open(&path, trainer.steps(), EVERY, Some(metric))?;
    let first_losses = directory.join("first_losses.json");
    let explosion = plan.stop.explosion;
    let divergence = Divergence::open(EVERY, explosion, &first_losses, trainer.steps())?;
    let best = Some((metric.to_owned(), goal));
    let extra = serde_json::Value::Null;
    let mut observers: Vec<Box<dyn Observer>> = vec![
        Box::new(Scalars::new(2)),
        Box::new(divergence),
        Box::new(Measured(plan.measure)),
        Box::new(StopRules::new(plan.stop.clone())),
        Box::new(metrics),
        Box::new(Checkpoints::new(checkpoints, EVERY, 3, best, SEED, extra)),
    ];
    for record in read_metrics(&path)? {
        observers.iter_mut().for_each(|one| one.replay(&record));
    }
    let interrupted = AtomicBool::new(false);
    run(Run {
        model: &model,
        shown: average.as_ref().map_or(&model, |(_, (shown, _))| shown),
        store: &store,
        averaged,
        trainer: &mut trainer,
        data: &mut Interrupting {
            step: plan.until,
            interrupted: &interrupted,
        },
        observers: &mut observers,
        steps: plan.steps,
        interrupted: &interrupted,
        clock: &|| Duration::ZERO,
    })
}

/// What a run leaves, by path: all its checkpoints, which is the best, and its records.
pub fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = PathBuf::from(path.file_name().unwrap());
        if path.is_dir() {
            let below = files(&path).into_iter();
            found.extend(below.map(|(file, bytes)| (name.join(file), bytes)));
        } else {
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}
