//! Run directories that are moved, removed or replaced midway.

use std::fs;

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
