//! The n-th operation on the file system fails, for every n that a run performs: the run ends with an
//! error that names the file and the cause, what it leaves can be read, and the run that takes it up
//! ends as if nothing had happened.

use std::path::{Path, PathBuf};

use latentlab_train::{
    CheckpointStore, Error, Outcome, Result, TrainConfig,
    disk::{Extent, Full, Operation, with_full_disk},
    observers::read_metrics,
};
use session::{files, run_of};

mod session;

/// Enough for regular checkpoints, some that are the best, and one at the end.
const STEPS: u64 = 11;
const EXTENTS: [Extent; 3] = [Extent::None, Extent::Half, Extent::All];

fn config() -> TrainConfig {
    toml::from_str("ema = { decay = 0.9 }").unwrap()
}

/// The operation that failed, and how the run ended.
struct Failed {
    operation: Option<(Operation, PathBuf)>,
    outcome: Result<Outcome>,
}

/// A run in `directory` on a disk that is full at one operation.
fn failing(directory: &Path, full: Full) -> Failed {
    let run = || run_of(&config(), directory, STEPS);
    let (outcome, mut tried) = with_full_disk(Some(full), run);
    let operation = (full.at < tried.len()).then(|| tried.swap_remove(full.at));
    Failed { operation, outcome }
}

/// Every checkpoint that has its name is whole, and the newest can be gone on from.
fn assert_readable(directory: &Path, context: &str) {
    let checkpoints = CheckpointStore::open(directory.join("checkpoints")).unwrap();
    for step in checkpoints.steps().unwrap() {
        let found = checkpoints.load(step);
        assert_eq!(found.expect(context).step, step, "{context}");
    }
    checkpoints.latest().expect(context);
    checkpoints.best().expect(context);
    let metrics = directory.join("metrics.jsonl");
    if metrics.exists() {
        read_metrics(metrics).expect(context);
    }
}

#[test]
fn whichever_operation_fails_nothing_is_lost() {
    let straight = tempfile::tempdir().unwrap();
    run_of(&config(), straight.path(), STEPS).unwrap();
    let wanted = files(straight.path());
    let mut kinds = Vec::new();
    for (extent, for_good) in EXTENTS
        .into_iter()
        .flat_map(|extent| [(extent, false), (extent, true)])
    {
        for at in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let full = Full {
                at,
                extent,
                for_good,
            };
            let Failed { operation, outcome } = failing(folder.path(), full);
            let Some((operation, path)) = operation else {
                assert!(outcome.is_ok() && at > 60, "a run has {at} operations");
                assert_eq!(files(folder.path()), wanted);
                break;
            };
            kinds.push(operation);
            let context = format!("{operation:?} of {path:?}, {full:?}");
            match outcome {
                Err(Error::Io {
                    path: named,
                    source,
                }) => {
                    assert_eq!(named, path, "{context}");
                    assert_eq!(source.raw_os_error(), Some(28), "{context}");
                }
                other => panic!("{context}: {other:?}"),
            }
            assert_readable(folder.path(), &context);
            run_of(&config(), folder.path(), STEPS).expect(&context);
            assert_eq!(files(folder.path()), wanted, "{context}");
        }
    }
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds.len(),
        7,
        "not every kind of operation was met: {kinds:?}"
    );
}

#[test]
fn two_failures_in_one_run_lose_nothing_either() {
    let straight = tempfile::tempdir().unwrap();
    run_of(&config(), straight.path(), STEPS).unwrap();
    let wanted = files(straight.path());
    for n in (0..).step_by(7) {
        let folder = tempfile::tempdir().unwrap();
        let full = |at| Full {
            at,
            extent: Extent::Half,
            for_good: true,
        };
        let first = failing(folder.path(), full(n));
        if first.operation.is_none() {
            break;
        }
        // The resumed run meets the second while it recovers, or soon after.
        let second = failing(folder.path(), full(n % 11));
        let context = format!("{n}: {:?}, then {:?}", first.operation, second.operation);
        assert_readable(folder.path(), &context);
        run_of(&config(), folder.path(), STEPS).expect(&context);
        assert_eq!(files(folder.path()), wanted, "{context}");
    }
}
