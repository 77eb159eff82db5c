//! The n-th operation on the file system fails, for every n that a run performs: the run ends with an
//! error that names the file and the cause, what it leaves can be read, and the run that takes it up
//! ends as if nothing had happened.

use std::{
    cell::Cell,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use latentlab_train::{
    CheckpointStore, Error, Outcome, Result, TrainConfig,
    disk::{Extent, Fault, Operation, with_faults},
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

/// What happens from the n-th operation on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    /// The operation fails, later ones do not.
    Once,
    /// All fail from there on: the disk is full, or the machine stops.
    ForGood,
}

/// The operation that failed, and how the run ended.
struct Failed {
    operation: Option<(Operation, PathBuf)>,
    outcome: Result<Outcome>,
}

/// A run in `directory` whose operation number `n`, from 0, fails.
fn failing(directory: &Path, n: usize, extent: Extent, trouble: Trouble) -> Failed {
    let count = Rc::new(Cell::new(0));
    let hit = Rc::new(Cell::new(None));
    let (counted, seen) = (Rc::clone(&count), Rc::clone(&hit));
    let decide = move |operation, path: &Path| {
        let at = counted.replace(counted.get() + 1);
        if at == n {
            seen.set(Some((operation, path.to_owned())));
        }
        let fails = at == n || (at > n && trouble == Trouble::ForGood);
        let extent = if at == n { extent } else { Extent::None };
        let error = io::Error::from_raw_os_error(28); // ENOSPC
        fails.then_some(Fault { extent, error })
    };
    let outcome = with_faults(decide, || run_of(&config(), directory, STEPS));
    let operation = hit.take();
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
    for (extent, trouble) in EXTENTS
        .into_iter()
        .flat_map(|extent| [(extent, Trouble::Once), (extent, Trouble::ForGood)])
    {
        for n in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let Failed { operation, outcome } = failing(folder.path(), n, extent, trouble);
            let Some((operation, path)) = operation else {
                assert!(outcome.is_ok() && n > 60, "a run has {n} operations");
                assert_eq!(files(folder.path()), wanted);
                break;
            };
            kinds.push(operation);
            let context = format!("{operation:?} {n} of {path:?}, {extent:?}, {trouble:?}");
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
        let first = failing(folder.path(), n, Extent::Half, Trouble::ForGood);
        if first.operation.is_none() {
            break;
        }
        // The resumed run meets the second while it recovers, or soon after.
        let second = failing(folder.path(), n % 11, Extent::Half, Trouble::ForGood);
        let context = format!("{n}: {:?}, then {:?}", first.operation, second.operation);
        assert_readable(folder.path(), &context);
        run_of(&config(), folder.path(), STEPS).expect(&context);
        assert_eq!(files(folder.path()), wanted, "{context}");
    }
}
