//! A run that is cut in two is, byte by byte, the run that was not.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use latentlab_core::{Batch, BatchSource, Result};
use latentlab_tensor::{ParamStore, encode_tensors};
use latentlab_train::{
    CheckpointStore, Ema, EmaConfig, PhaseTrainer, Run, TrainConfig, Trainer,
    observers::{Checkpoints, MetricsFile, Observer, Scalars, read_metrics},
    run,
};
use toy::{Points, Toy};

#[path = "../src/toy.rs"]
mod toy;

const SEED: u64 = 4;
const STEPS: u64 = 11;

/// Points, and an interruption during one of the steps.
struct Interrupting<'a> {
    step: u64,
    interrupted: &'a AtomicBool,
}

impl BatchSource for Interrupting<'_> {
    fn batch(&mut self, index: u64) -> Result<Batch> {
        self.interrupted
            .store(index + 1 == self.step, Ordering::Relaxed);
        Points.batch(index)
    }
}

/// One session of a run of `STEPS` steps in `directory`, interrupted in step `until`.
fn session(config: &TrainConfig, directory: &Path, until: u64) {
    let (model, store) = Toy::new();
    let average = config.ema.map(|ema| (ema, Toy::new()));
    let mut trainer = PhaseTrainer::new(&model, &store, config, STEPS, SEED).unwrap();
    if let Some((ema, (_, averaged))) = &average {
        trainer = trainer.with_ema(Ema::new(&store, averaged, *ema).unwrap());
    }
    let averaged: Option<&ParamStore> = average.as_ref().map(|(_, (_, averaged))| averaged);
    let checkpoints = CheckpointStore::open(directory.join("checkpoints")).unwrap();
    if let Some(snapshot) = checkpoints.latest().unwrap() {
        assert_eq!(snapshot.seed, SEED);
        snapshot.restore(&store, averaged, &mut trainer).unwrap();
    }
    let metrics = MetricsFile::open(directory.join("metrics.jsonl"), trainer.steps()).unwrap();
    let extra = serde_json::Value::Null;
    let mut observers: Vec<Box<dyn Observer>> = vec![
        Box::new(Scalars { every: 2 }),
        Box::new(metrics),
        Box::new(Checkpoints::new(checkpoints, 4, 1, None, SEED, extra)),
    ];
    let interrupted = AtomicBool::new(false);
    run(Run {
        model: &model,
        shown: average.as_ref().map_or(&model, |(_, (shown, _))| shown),
        store: &store,
        averaged,
        trainer: &mut trainer,
        data: &mut Interrupting {
            step: until,
            interrupted: &interrupted,
        },
        observers: &mut observers,
        steps: STEPS,
        interrupted: &interrupted,
        clock: &|| Duration::ZERO,
    })
    .unwrap();
}

/// What a run leaves: the bytes of its last checkpoint, and its records.
fn outcome(directory: &Path) -> (BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let checkpoint = directory.join(format!("checkpoints/step-{STEPS:06}"));
    let entries = std::fs::read_dir(checkpoint)
        .unwrap()
        .map(|entry| entry.unwrap());
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, std::fs::read(entry.path()).unwrap())
    });
    (
        files.collect(),
        std::fs::read(directory.join("metrics.jsonl")).unwrap(),
    )
}

fn assert_resumes_exactly(text: &str) {
    let config: TrainConfig = toml::from_str(text).unwrap();
    let straight = tempfile::tempdir().unwrap();
    session(&config, straight.path(), STEPS);
    for cut in [1, 6, 10] {
        let resumed = tempfile::tempdir().unwrap();
        session(&config, resumed.path(), cut);
        session(&config, resumed.path(), STEPS);
        assert_eq!(
            outcome(resumed.path()),
            outcome(straight.path()),
            "cut at {cut}: {text}"
        );
    }
}

#[test]
fn every_optimizer_resumes_exactly() {
    for optimizer in [
        "name = 'adam', weight_decay = 0.01",
        "name = 'adamw', clip_norm = 0.1",
        "name = 'rmsprop', schedule = { name = 'cosine', warmup = 3 }",
        "name = 'rmsprop', momentum = 0.5, clip_value = 0.2",
        "name = 'sgd'",
        "name = 'sgd', momentum = 0.9, schedule = { name = 'step', every = 3, factor = 0.5 }",
    ] {
        assert_resumes_exactly(&format!("optimizer = {{ lr = 0.01, {optimizer} }}"));
    }
}

#[test]
fn an_average_of_the_parameters_resumes_exactly() {
    assert_resumes_exactly("ema = { decay = 0.9, warmup = 3 }");
}

#[test]
fn batches_in_parts_resume_exactly() {
    assert_resumes_exactly("accumulate = 4");
}

#[test]
fn different_optimizers_for_each_group_resume_exactly() {
    assert_resumes_exactly("optimizers.discriminator = { name = 'sgd', momentum = 0.5 }");
}

#[test]
fn a_run_killed_after_its_last_checkpoint_repeats_the_lost_steps() {
    let config = TrainConfig::default();
    let straight = tempfile::tempdir().unwrap();
    session(&config, straight.path(), STEPS);
    let killed = tempfile::tempdir().unwrap();
    session(&config, killed.path(), 8);
    // Records that were written after the checkpoint of step 8, before the kill.
    let metrics = killed.path().join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&metrics).unwrap();
    text.push_str("{\"step\":9,\"elapsed_s\":0.0,\"generator/loss\":0.5}\n{\"step\":10,\"ela");
    std::fs::write(&metrics, text).unwrap();
    session(&config, killed.path(), STEPS);
    assert_eq!(outcome(killed.path()), outcome(straight.path()));
    let steps: Vec<u64> = read_metrics(&metrics)
        .unwrap()
        .iter()
        .map(|r| r.step)
        .collect();
    assert_eq!(steps, [2, 4, 6, 8, 10, 11]);
}

#[test]
fn a_checkpoint_without_an_average_cannot_go_on_with_one() {
    let directory = tempfile::tempdir().unwrap();
    session(&TrainConfig::default(), directory.path(), 4);
    let (_, store) = Toy::new();
    let (model, averaged) = Toy::new();
    let config = TrainConfig {
        ema: Some(EmaConfig {
            decay: 0.9,
            warmup: 0,
        }),
        ..TrainConfig::default()
    };
    let mut trainer = PhaseTrainer::new(&model, &store, &config, STEPS, SEED).unwrap();
    let before = encode_tensors(&store.tensors()).unwrap();
    let checkpoints = CheckpointStore::open(directory.path().join("checkpoints")).unwrap();
    let snapshot = checkpoints.latest().unwrap().unwrap();
    let error = snapshot
        .restore(&store, Some(&averaged), &mut trainer)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "ema.safetensors: missing: the checkpoint's run kept no average of the parameters"
    );
    assert_eq!(encode_tensors(&store.tensors()).unwrap(), before);
}
