//! Symbolic links in the place of what a run wrote: what they lead to is never touched.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::{Halted, assert_same, content, fail, killed, resume, start, succeed, whole};

const REFUSED: &str = "is a symbolic link, and a run writes nothing outside of its own directory";

/// Moves what is at `path` away and leaves a link to it.
fn lead_away(path: &Path, away: &Path) {
    fs::rename(path, away).unwrap();
    symlink(away, path).unwrap();
}

fn put_back(path: &Path, away: &Path) {
    fs::remove_file(path).unwrap();
    fs::rename(away, path).unwrap();
}

#[test]
fn directories_that_become_links_are_refused_until_they_are_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    for name in ["checkpoints", "samples", "metrics.jsonl"] {
        let inside = tempfile::tempdir().unwrap();
        let (run, away) = (killed(inside.path()), inside.path().join("away"));
        let path = run.join(name);
        if !path.exists() {
            fs::create_dir(&path).unwrap();
        }
        lead_away(&path, &away);
        if away.is_dir() {
            // A run would clean these up if they were its own.
            fs::write(away.join("LATEST.tmp"), b"precious").unwrap();
            fs::write(away.join("step-000050.png"), b"precious").unwrap();
        }
        let before = content(inside.path());
        let before: Vec<_> = before
            .iter()
            .filter(|(at, _)| at.starts_with(&away))
            .collect();
        fail(&mut resume(&run), 1, &[name, REFUSED]);
        let after = content(inside.path());
        let after: Vec<_> = after
            .iter()
            .filter(|(at, _)| at.starts_with(&away))
            .collect();
        assert_eq!(before, after, "{name}");
        put_back(&path, &away);
        if name != "metrics.jsonl" {
            let _ = fs::remove_file(path.join("LATEST.tmp"));
            fs::remove_file(path.join("step-000050.png")).unwrap();
        }
        succeed(&mut resume(&run));
        assert_same(&whole, &run);
    }
}

#[test]
fn checkpoints_that_become_a_link_midway_get_no_further_one() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let (run, away) = (folder.path().join("run"), folder.path().join("away"));
    let halted = Halted::at_a_checkpoint(start(&run), &run);
    lead_away(&run.join("checkpoints"), &away);
    let before = content(&away);
    halted.goes_on_and_fails(&["run/checkpoints", REFUSED]);
    assert_eq!(content(&away), before);
    put_back(&run.join("checkpoints"), &away);
    succeed(&mut resume(&run));
    assert_same(&whole, &run);
}

#[test]
fn checkpoints_that_lead_nowhere_are_not_taken_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let run = killed(folder.path());
    let (path, away) = (run.join("checkpoints"), folder.path().join("away"));
    fs::rename(&path, &away).unwrap();
    symlink(folder.path().join("nowhere"), &path).unwrap();
    fail(&mut resume(&run), 1, &["run/checkpoints", REFUSED]);
    put_back(&path, &away);
    succeed(&mut resume(&run));
    assert_same(&whole, &run);
}

#[test]
fn files_that_are_replaced_leave_alone_what_they_led_to() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let run = killed(folder.path());
    for name in ["checkpoints/LATEST", "config.toml", "run.json", "LOCK"] {
        let away = folder.path().join(name.replace('/', "-"));
        lead_away(&run.join(name), &away);
    }
    symlink(folder.path().join("nowhere"), run.join("run.json.tmp")).unwrap();
    let names = ["checkpoints-LATEST", "config.toml", "run.json", "LOCK"];
    let read = || names.map(|name| fs::read(folder.path().join(name)).unwrap());
    let before = read();
    succeed(&mut resume(&run));
    assert_eq!(read(), before);
    assert!(!folder.path().join("nowhere").exists());
    assert_same(&whole, &run);
}

#[test]
fn a_latest_that_leads_nowhere_is_made_good_and_one_that_is_a_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let run = killed(folder.path());
    let latest = run.join("checkpoints/LATEST");
    fs::remove_file(&latest).unwrap();
    fs::create_dir(&latest).unwrap();
    fail(&mut resume(&run), 1, &["LATEST: Is a directory"]);
    fs::remove_dir(&latest).unwrap();
    symlink(folder.path().join("nowhere"), &latest).unwrap();
    succeed(&mut resume(&run));
    assert_same(&whole, &run);
}

#[test]
fn a_checkpoint_that_is_a_link_is_loaded_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let run = killed(folder.path());
    let name = fs::read_to_string(run.join("checkpoints/LATEST")).unwrap();
    let (place, away) = (
        run.join("checkpoints").join(name),
        folder.path().join("away"),
    );
    // Nowhere: nothing is loaded, and what is older is not taken without a word.
    fs::rename(&place, &away).unwrap();
    symlink(folder.path().join("nowhere"), &place).unwrap();
    fs::remove_file(run.join("checkpoints/LATEST")).unwrap();
    let missing = "MANIFEST.sha256: missing from the checkpoint";
    fail(&mut resume(&run), 1, &[missing]);
    // Another step's: its numbers are whole, and still not those of this step.
    fs::remove_file(&place).unwrap();
    symlink(whole.join("checkpoints/step-000090"), &place).unwrap();
    fail(
        &mut resume(&run),
        1,
        &["state.json: is of step 90, not of step "],
    );
    // Its own, elsewhere: it is loaded, and the link goes when the checkpoint does.
    fs::remove_file(&place).unwrap();
    symlink(&away, &place).unwrap();
    let before = content(&away);
    succeed(&mut resume(&run));
    assert_eq!(content(&away), before);
    assert_same(&whole, &run);
}
