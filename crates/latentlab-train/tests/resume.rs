//! A run that is cut in two is, byte by byte, the run that was not.

use std::path::Path;

use latentlab_optim::EmaConfig;
use latentlab_tensor::encode_tensors;
use latentlab_train::{
    CheckpointStore, Outcome, PhaseTrainer, StopReason, TrainConfig,
    observers::{Goal, Patience, StopConfig},
};
use session::{Plan, SEED, STEPS, files, planned_session, toy::Toy};

mod session;

fn session(config: &TrainConfig, directory: &Path, until: u64) -> Outcome {
    session::session(config, directory, until).unwrap()
}

fn ruled_session(config: &TrainConfig, stop: StopConfig, directory: &Path, until: u64) -> Outcome {
    session::ruled_session(config, stop, directory, until).unwrap()
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
    assert_resumes_exactly("ema = { decay = 0.9, warmup = 3, ramp = false }");
}

#[test]
fn frozen_parts_and_phases_that_begin_late_resume_exactly() {
    assert_resumes_exactly(
        "freeze = ['generator.bias']
         begin = { generator = 7, slope = 12 }
         ema = { decay = 0.9 }",
    );
}

#[test]
fn a_schedule_that_begins_late_resumes_exactly() {
    assert_resumes_exactly("optimizer.schedule = { name = 'cosine', begin = 7, warmup = 2 }");
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
fn a_run_with_metrics_that_are_not_finite_resumes_exactly() {
    // A reconstruction without an error at step 4, an undefined figure at 6, usual ones after that.
    let measure: fn(u64) -> Option<f64> = |step| match step {
        4 => Some(f64::INFINITY),
        6 => Some(f64::NAN),
        8 => Some(f64::NEG_INFINITY),
        step => (step % 2 == 0).then_some(step as f64),
    };
    let config = TrainConfig::default();
    for (goal, best) in [(Goal::Max, 4), (Goal::Min, 8)] {
        let plan = |until| Plan {
            stop: StopConfig {
                patience: Some(Patience {
                    metric: "measured".to_owned(),
                    goal,
                    evaluations: 7,
                }),
                ..StopConfig::default()
            },
            best: ("measured", goal),
            measure,
            until,
            ..Plan::default()
        };
        let straight = tempfile::tempdir().unwrap();
        let end = planned_session(&config, &plan(u64::MAX), straight.path()).unwrap();
        // Seven evaluations after the best.
        assert_eq!((end.step, end.reason), (best + 14, StopReason::Patience));
        let checkpoints = CheckpointStore::open(straight.path().join("checkpoints")).unwrap();
        assert_eq!(checkpoints.best_step().unwrap(), Some(best));
        for cut in 3..end.step {
            let resumed = tempfile::tempdir().unwrap();
            planned_session(&config, &plan(cut), resumed.path()).unwrap();
            let ended = planned_session(&config, &plan(u64::MAX), resumed.path()).unwrap();
            assert_eq!(ended, end, "cut at {cut}");
            assert_eq!(
                files(resumed.path()),
                files(straight.path()),
                "cut at {cut}"
            );
        }
    }
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
            ramp: false,
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
