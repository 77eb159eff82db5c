//! Runs and pictures that would lie among the data.

use std::fs;

use assert_cmd::Command;

use crate::album::{Album, failure, success, text};

#[test]
fn a_run_inside_of_its_own_picture_folder_can_be_opened_afterwards() {
    let album = Album::new(24, 8);
    let pictures = album.pictures();
    let file = pictures.join("own.toml");
    let config = "steps = 2\nbatch_size = 4\n\
                  model = { name = 'vae', config = { hidden = [8], latent = 2 } }\n\
                  data = { name = 'folder', dir = '.', size = 8, test_fraction = 0.25 }\n";
    fs::write(&file, config).unwrap();
    let here = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latentlab"));
        command.current_dir(&pictures).args(arguments);
        command.assert().success();
    };
    here(&["experiment", "own.toml", "--name", "first"]);
    here(&["experiment", "own.toml", "--name", "second"]);
    for run in ["runs/own/first", "runs/own/second"] {
        here(&["evaluate", run]);
        here(&["resume", run, "--steps", "3"]);
    }
}

#[test]
fn a_picture_is_not_written_among_the_data() {
    let album = Album::new(24, 8);
    let run = album.train("vae", 8, &[]);
    let among = album.pictures().join("mine.png");
    for verb in ["sample", "reconstruct", "interpolate"] {
        let (code, errors) = failure(&[verb, text(&run), "--out", text(&among)]);
        assert_eq!(code, 2, "{verb}: {errors}");
        assert!(errors.contains("among the data"), "{verb}: {errors}");
    }
    assert!(!among.exists());
    success(&["evaluate", text(&run)]);
}
