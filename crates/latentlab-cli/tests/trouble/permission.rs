//! Permission that is missing, or lost midway.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Halted, PROGRAM, assert_same, fail, latentlab, start, succeed, whole};

/// A user and a group without rights; `root` asks for no permission.
const NOBODY: u32 = 65_534;

/// Somebody who asks for permission, with a folder and a program that are theirs.
struct Somebody {
    folder: tempfile::TempDir,
    is_root: bool,
}

impl Somebody {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        // The place of the program may not be open to everybody.
        fs::copy(PROGRAM, folder.path().join("latentlab")).unwrap();
        if is_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self { folder, is_root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same command, given by them.
    fn does(&self, command: &Command) -> Command {
        let mut theirs = Command::new(self.path("latentlab"));
        theirs.args(command.get_args());
        theirs.current_dir(self.folder.path());
        if self.is_root {
            theirs.uid(NOBODY).gid(NOBODY);
        }
        theirs
    }
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn permission_lost_midway_is_an_error_and_the_run_goes_on_once_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let whole = whole(folder.path());
    let somebody = Somebody::new();
    let run = somebody.path("run");
    let halted = Halted::at_a_checkpoint(somebody.does(&start(&run)), &run);
    permit(&run.join("checkpoints"), 0o555);
    let denied = "Permission denied (os error 13)";
    halted.goes_on_and_fails(&["run/checkpoints/", denied]);
    let resume = crate::resume(&run);
    // Neither read nor searched: that there is a checkpoint is not forgotten.
    permit(&run.join("checkpoints"), 0o000);
    fail(
        &mut somebody.does(&resume),
        1,
        &["run/checkpoints: ", denied],
    );
    permit(&run.join("checkpoints"), 0o755);
    permit(&run, 0o555);
    fail(
        &mut somebody.does(&resume),
        1,
        &["run/config.toml.tmp: ", denied],
    );
    permit(&run, 0o755);
    succeed(&mut somebody.does(&resume));
    assert_same(&whole, &run);
}

#[test]
fn a_parent_that_may_not_be_written_is_named_before_anything_is_trained() {
    let somebody = Somebody::new();
    let parent = somebody.path("parent");
    fs::create_dir(&parent).unwrap();
    permit(&parent, 0o555);
    if somebody.is_root {
        chown(&parent, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let words = ["parent/run: Permission denied (os error 13); name another place with --out"];
    fail(&mut somebody.does(&start(&parent.join("run"))), 2, &words);
    permit(&parent, 0o755);
}

#[test]
fn a_run_that_may_only_be_read_is_read() {
    let somebody = Somebody::new();
    let run = somebody.path("run");
    succeed(&mut somebody.does(&start(&run)));
    permit(&run, 0o555);
    permit(&run.join("checkpoints"), 0o555);
    for reading in [
        latentlab(&[&"list", &run]),
        latentlab(&[&"sample", &run, &"--out", &somebody.path("drawn.png")]),
        latentlab(&[
            &"compare",
            &run,
            &run,
            &"--out",
            &somebody.path("page.html"),
        ]),
    ] {
        succeed(&mut somebody.does(&reading));
    }
    permit(&run, 0o755);
    permit(&run.join("checkpoints"), 0o755);
}
