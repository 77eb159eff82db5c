//! A run that is cut in two is, byte by byte, the run that was not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use latentlab_core::{Batch, BatchSource, Result};
use latentlab_tensor::{ParamStore, encode_tensors};
use latentlab_train::{
    CheckpointStore, Ema, EmaConfig, Outcome, PhaseTrainer, Run, StopReason, TrainConfig, Trainer,
    observers::{
        Checkpoints, Goal, MetricsFile, Observer, Patience, Scalars, StopConfig, StopRules,
        read_metrics,
    },
    run,
};
use toy::{Points, Toy};

#[path = "../src/toy.rs"]
mod toy;

const SEED: u64 = 4;
const STEPS: u64 = 24;
/// Steps between two checkpoints, of which three are kept.
const EVERY: u64 = 5;
/// What decides which checkpoint is the best.
const METRIC: &str = "generator/loss";

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
fn session(config: &TrainConfig, directory: &Path, until: u64) -> Outcome {
    ruled_session(config, StopConfig::default(), directory, until)
}

/// A session that rules may end.
fn ruled_session(config: &TrainConfig, stop: StopConfig, directory: &Path, until: u64) -> Outcome {
    let (model, store) = Toy::new();
    let average = config.ema.map(|ema| (ema, Toy::new()));
    let mut trainer = PhaseTrainer::new(&model, &store, config, STEPS, SEED).unwrap();
    if let Some((ema, (_, averaged))) = &average {
        trainer = trainer.with_ema(Ema::new(&store, averaged, *ema).unwrap());
    }
    let averaged: Option<&ParamStore> = average.as_ref().map(|(_, (_, averaged))| averaged);
    let checkpoints = CheckpointStore::open(directory.join("checkpoints")).unwrap();
    checkpoints.recover().unwrap();
    if let Some(snapshot) = checkpoints.latest().unwrap() {
        assert_eq!(snapshot.seed, SEED);
        snapshot.restore(&store, averaged, &mut trainer).unwrap();
    }
    let path = directory.join("metrics.jsonl");
    let metrics = MetricsFile::open(&path, trainer.steps(), EVERY, Some(METRIC)).unwrap();
    let best = Some((METRIC.to_owned(), Goal::Min));
    let extra = serde_json::Value::Null;
    let mut observers: Vec<Box<dyn Observer>> = vec![
        Box::new(Scalars::new(2)),
        Box::new(StopRules::new(stop)),
        Box::new(metrics),
        Box::new(Checkpoints::new(checkpoints, EVERY, 3, best, SEED, extra)),
    ];
    for record in read_metrics(&path).unwrap() {
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
            step: until,
            interrupted: &interrupted,
        },
        observers: &mut observers,
        steps: STEPS,
        interrupted: &interrupted,
        clock: &|| Duration::ZERO,
    })
    .unwrap()
}

/// What a run leaves, by path: all its checkpoints, which is the best, and its records.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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

fn assert_resumes_exactly(text: &str) {
    let config: TrainConfig = toml::from_str(text).unwrap();
    let straight = tempfile::tempdir().unwrap();
    session(&config, straight.path(), STEPS);
    for cut in [6, 18, 22] {
        let resumed = tempfile::tempdir().unwrap();
        session(&config, resumed.path(), cut);
        session(&config, resumed.path(), STEPS);
        assert_eq!(
            files(resumed.path()),
            files(straight.path()),
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
        "name = 'rmsprop', momentum = 0.5, centered = true",
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
    session(&config, killed.path(), 18);
    // Records that were written after the checkpoint of step 18, before the kill.
    let metrics = killed.path().join("metrics.jsonl");
    let mut text = std::fs::read_to_string(&metrics).unwrap();
    text.push_str("{\"step\":20,\"elapsed_s\":0.0,\"generator/loss\":0.5}\n{\"step\":22,\"ela");
    std::fs::write(&metrics, text).unwrap();
    session(&config, killed.path(), STEPS);
    assert_eq!(files(killed.path()), files(straight.path()));
}

#[test]
fn an_interruption_leaves_no_checkpoint_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let config = TrainConfig::default();
    session(&config, directory.path(), 17);
    let checkpoints = CheckpointStore::open(directory.path().join("checkpoints")).unwrap();
    // The best is there as well, whichever it is.
    let has = |wanted: &[u64]| {
        let steps = checkpoints.steps().unwrap();
        wanted.iter().all(|step| steps.contains(step))
    };
    assert!(has(&[10, 15, 17]));
    session(&config, directory.path(), STEPS);
    assert!(has(&[15, 20, 24]) && !has(&[17]));
}

#[test]
fn a_run_that_a_rule_ended_stays_ended_though_it_was_interrupted_or_killed_then() {
    let config = TrainConfig::default();
    let stop = StopConfig {
        patience: Some(Patience {
            metric: "discriminator/real".to_owned(),
            goal: Goal::Min,
            evaluations: 3,
        }),
        ..StopConfig::default()
    };
    let straight = tempfile::tempdir().unwrap();
    let end = ruled_session(&config, stop.clone(), straight.path(), STEPS);
    assert_eq!(end.reason, StopReason::Patience);
    assert!(end.step < STEPS, "{end}");
    let left = files(straight.path());
    // The latest checkpoint is that of the end: as after a kill before anything else was written.
    assert_eq!(
        ruled_session(&config, stop.clone(), straight.path(), STEPS),
        end
    );
    assert_eq!(files(straight.path()), left);
    let interrupted = tempfile::tempdir().unwrap();
    assert_eq!(
        ruled_session(&config, stop, interrupted.path(), end.step),
        end
    );
    assert_eq!(files(interrupted.path()), left);
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
