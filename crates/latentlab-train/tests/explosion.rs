//! A run whose loss explodes without ceasing to be finite ends as diverged, in the same step and
//! with the same words wherever it was interrupted.

use std::path::Path;

use latentlab_train::{
    Error, Outcome, Result, StopReason, TrainConfig,
    observers::{Goal, Patience, StopConfig, read_metrics},
};
use session::{Plan, STEPS, files, planned_session, ruled_session, session};

mod session;

fn steep() -> TrainConfig {
    toml::from_str("optimizer.lr = 1e5").unwrap()
}

/// The step of the divergence, and what is said of it.
fn diverged(outcome: Result<Outcome>) -> (u64, String) {
    match outcome.unwrap_err() {
        error @ Error::Diverged { step, .. } => (step, error.to_string()),
        other => panic!("{other}"),
    }
}

fn reported(directory: &Path) -> (u64, String) {
    diverged(session(&steep(), directory, u64::MAX))
}

#[test]
fn a_finite_explosion_is_a_divergence_with_the_history_of_the_loss() {
    let directory = tempfile::tempdir().unwrap();
    let (step, message) = reported(directory.path());
    // Every second step is recorded, and the first of them has exploded.
    assert_eq!(step, 10);
    let start = "phase `discriminator` diverged at step 10: loss is ";
    assert!(message.starts_with(start), "{message}");
    assert!(message.contains(" at first and a median of "), "{message}");
    assert!(message.contains(" in 5 records in a row)"), "{message}");
    assert!(message.contains("`stop.explosion`"), "{message}");
    // The line of the last record is not written, as that of a loss that is not finite is not.
    let records = read_metrics(directory.path().join("metrics.jsonl")).unwrap();
    assert!(records.iter().all(|record| record.step < 10));
}

#[test]
fn wherever_the_run_was_interrupted_it_diverges_in_the_same_step() {
    let straight = tempfile::tempdir().unwrap();
    let wanted = reported(straight.path());
    for cut in 1..10 {
        let resumed = tempfile::tempdir().unwrap();
        let first = session(&steep(), resumed.path(), cut).unwrap();
        assert_eq!(first.reason, StopReason::Interrupted);
        assert_eq!(reported(resumed.path()), wanted, "cut at {cut}");
        let metrics = |directory: &Path| std::fs::read(directory.join("metrics.jsonl")).unwrap();
        assert_eq!(
            metrics(resumed.path()),
            metrics(straight.path()),
            "cut at {cut}"
        );
        // And once more, from the last checkpoint.
        assert_eq!(reported(resumed.path()), wanted, "cut at {cut}");
    }
}

#[test]
fn patience_does_not_end_well_what_has_exploded() {
    let directory = tempfile::tempdir().unwrap();
    let patience = Patience {
        metric: "measured".to_owned(),
        goal: Goal::Min,
        evaluations: 1,
    };
    let plan = Plan {
        stop: StopConfig {
            patience: Some(patience),
            ..StopConfig::default()
        },
        measure: |step| (step % 2 == 0).then_some(1.0),
        ..Plan::default()
    };
    // By its second record the patience is at an end; once more, it is taken up before that record.
    for _ in 0..2 {
        let (step, message) = diverged(planned_session(&steep(), &plan, directory.path()));
        assert_eq!(step, 4, "{message}");
        assert!(message.contains(" in 2 records in a row)"), "{message}");
    }
    let calm = tempfile::tempdir().unwrap();
    let outcome = planned_session(&TrainConfig::default(), &plan, calm.path()).unwrap();
    assert_eq!((outcome.step, outcome.reason), (4, StopReason::Patience));
}

#[test]
fn a_run_that_may_explode_takes_all_its_steps() {
    let directory = tempfile::tempdir().unwrap();
    let stop = StopConfig {
        explosion: 0.0,
        ..StopConfig::default()
    };
    let outcome = ruled_session(&steep(), stop, directory.path(), u64::MAX).unwrap();
    assert_eq!((outcome.step, outcome.reason), (STEPS, StopReason::Steps));
}

#[test]
fn first_losses_that_are_no_such_file_are_named_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("first_losses.json");
    std::fs::write(&file, "{\"generator\":").unwrap();
    let message = session(&TrainConfig::default(), directory.path(), 5)
        .unwrap_err()
        .to_string();
    assert!(message.contains("first_losses.json, line 1: "), "{message}");
    assert!(
        message.ends_with("remove the file to go on without it"),
        "{message}"
    );
    std::fs::remove_file(&file).unwrap();
    session(&TrainConfig::default(), directory.path(), STEPS).unwrap();
    assert!(files(directory.path()).contains_key(Path::new("first_losses.json")));
}
