//! Run directories that are moved, removed or replaced midway.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use latentlab_core::Registry;
use latentlab_report::runner;
use latentlab_run::{
    Experiment, chain,
    train::{Ended, Plan},
};
use latentlab_train::disk::{Operation, with_faults, with_full_disk};
use toml::Table;

use crate::{Halted, assert_same, content, resume, start, succeed, whole};

const GONE: &str = "run: was moved, removed or replaced while the run was under way";

#[test]
fn a_run_that_is_moved_midway_ends_and_goes_on_from_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let (run, away) = (folder.path().join("run"), folder.path().join("away"));
    let halted = Halted::at_a_checkpoint(start(&run), &run);
    fs::rename(&run, &away).unwrap();
    halted.goes_on_and_fails(&[GONE]);
    assert!(!run.exists());
    succeed(&mut resume(&away));
    assert_same(&whole, &away);
}

#[test]
fn another_run_in_its_place_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let (run, away) = (folder.path().join("run"), folder.path().join("away"));
    let halted = Halted::at_a_checkpoint(start(&run), &run);
    fs::rename(&run, &away).unwrap();
    fs::rename(&whole, &run).unwrap();
    let before = content(&run);
    halted.goes_on_and_fails(&[GONE]);
    assert_eq!(content(&run), before);
    succeed(&mut resume(&away));
    assert_same(&run, &away);
}

#[test]
fn a_run_that_is_removed_midway_is_not_made_again_in_part() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let halted = Halted::at_a_checkpoint(start(&run), &run);
    fs::remove_dir_all(&run).unwrap();
    halted.goes_on_and_fails(&[GONE]);
    assert!(!run.exists());
}

fn registry() -> Registry {
    Registry::default().with(latentlab_models::plugin).unwrap()
}

/// A run of six steps in this process, which takes all ways to the disk.
fn small(out: &Path) -> latentlab_run::Result<Ended> {
    let registry = registry();
    let table = toml::toml! {
        steps = 6
        batch_size = 8
        samples.every = 3
        evaluate.every = 3
        checkpoint.every = 2
        data = { name = "ring", train = 64, test = 16 }
        model = { name = "ae", config = { hidden = [4], latent = 1 } }
    };
    let plan = Plan {
        name: "small",
        experiment: Experiment::resolve(&table, &Table::new(), &registry)?,
        overrides: Table::new(),
        out: Some(out),
        run_name: None,
        argv: Vec::new(),
    };
    runner(&registry, &AtomicBool::new(false)).start(plan)
}

/// Also between the look whether the directory is there and the write.
#[test]
fn a_run_that_is_moved_before_any_operation_leaves_nothing_in_its_old_place() {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole");
    let (ended, operations) = with_full_disk(None, || small(&whole));
    ended.unwrap();
    assert!(operations.len() > 100, "{}", operations.len());
    let mut taken_up = 0;
    for (at, operation) in operations.iter().enumerate() {
        let (run, away) = (folder.path().join("run"), folder.path().join("away"));
        let mut tried = 0;
        let places: [PathBuf; 2] = [run.clone(), away.clone()];
        let moves = move |_: Operation, _: &Path| {
            if tried == at {
                fs::rename(&places[0], &places[1]).unwrap();
            }
            tried += 1;
            None
        };
        let ended = with_faults(moves, || small(&run));
        let what = format!("{operation:?}");
        assert!(!run.exists(), "{what}: {:?}", content(&run));
        let said = chain(&ended.expect_err(&what)).join(": ");
        assert!(said.contains(GONE), "{what}: {said}");
        if away.join("run.json").is_file() {
            let registry = registry();
            runner(&registry, &AtomicBool::new(false))
                .resume(&away, &Table::new())
                .unwrap();
            assert_same(&whole, &away);
            taken_up += 1;
        }
        fs::remove_dir_all(&away).unwrap();
    }
    assert!(taken_up > 100, "{taken_up}");
}
