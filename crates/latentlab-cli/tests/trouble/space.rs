//! No space: files that may not grow, and `/dev/full`, which takes nothing.

use std::{fs, fs::File, os::unix::fs::symlink, process::Command};

use latentlab_run::{RunRecord, Status};

use crate::{assert_same, fail, killed, latentlab, outcome, resume, start, succeed, whole};

#[test]
fn a_limit_on_the_size_of_files_is_an_error_wherever_it_is_met() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let mut met = Vec::new();
    // Blocks of 512 bytes.
    for blocks in [1, 4, 16] {
        let run = folder.path().join(blocks.to_string());
        let unlimited = start(&run);
        let mut limited = Command::new("sh");
        let script = format!("ulimit -f {blocks}; exec \"$0\" \"$@\"");
        limited.args(["-c", &script]).arg(unlimited.get_program());
        limited.args(unlimited.get_args());
        let (code, said) = outcome(&mut limited);
        assert_eq!(code, Some(1), "{blocks} blocks: {said}");
        let refused = said.lines().find_map(|line| {
            let place = format!("{}/", run.display());
            let rest = line.split_once(place.as_str())?.1;
            Some(
                rest.strip_suffix(": File too large (os error 27)")?
                    .to_owned(),
            )
        });
        met.push(refused.unwrap_or_else(|| panic!("{blocks} blocks: {said}")));
        match run.join("run.json").exists() {
            true => succeed(&mut resume(&run)),
            false => succeed(&mut start(&run)),
        }
        assert_same(&whole, &run);
    }
    met.dedup();
    assert!(met.len() == 3, "not three different files: {met:?}");
}

#[test]
fn what_cannot_be_printed_is_an_error_though_the_run_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let words = ["error: standard output: No space left on device"];
    fail(latentlab(&[&"list"]).stdout(full()), 1, &words);
    let run = folder.path().join("run");
    fail(start(&run).stdout(full()), 1, &words);
    assert_eq!(RunRecord::read(&run).unwrap().status, Status::Finished);
    let quiet = folder.path().join("quiet");
    succeed(start(&quiet).stderr(full()));
    assert_same(&run, &quiet);
    let silent = folder.path().join("silent");
    let (code, _) = outcome(start(&silent).stdout(full()).stderr(full()));
    assert_eq!(code, Some(1));
    assert_same(&run, &silent);
}

#[test]
fn a_log_without_space_is_missed_once_and_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let run = killed(folder.path());
    let log = run.join("train.log");
    fs::remove_file(&log).unwrap();
    symlink("/dev/full", &log).unwrap();
    let (code, said) = outcome(&mut resume(&run));
    assert_eq!(code, Some(0), "{said}");
    let warning = "train.log: No space left on device (os error 28); training goes on without it";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    assert_same_without_the_link(&whole, &run);
}

/// A log is no part of what is compared.
fn assert_same_without_the_link(whole: &std::path::Path, run: &std::path::Path) {
    fs::remove_file(run.join("train.log")).unwrap();
    assert_same(whole, run);
}
