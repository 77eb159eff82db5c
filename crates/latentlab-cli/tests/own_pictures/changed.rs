//! Data that have changed, moved or gone since a run was trained.

use std::fs;

use crate::album::{Album, failure, success, text};

#[test]
fn a_model_is_not_judged_by_data_that_have_changed() {
    let album = Album::new(24, 8);
    let run = album.train("ae", 8, &[]);
    let picture = album.path("out.png");
    let (run, out) = (text(&run), text(&picture));
    let calls: [&[&str]; 4] = [
        &["evaluate", run],
        &["reconstruct", run, "--out", out],
        &["interpolate", run, "--out", out],
        &["resume", run, "--steps", "4"],
    ];
    for call in &calls[..3] {
        success(call);
    }
    album.add(24, 8);
    for call in calls {
        let (code, errors) = failure(call);
        assert_eq!(code, 2, "{call:?}: {errors}");
        let hashes = errors.split(|letter: char| !letter.is_ascii_hexdigit());
        assert_eq!(
            hashes.filter(|word| word.len() == 64).count(),
            2,
            "{errors}"
        );
        assert!(errors.contains("--set data.dir=DIR"), "{errors}");
        assert!(errors.contains("init_from"), "{errors}");
    }
    fs::remove_file(album.pictures().join("picture-024.png")).unwrap();
    success(calls[0]);
}

#[test]
fn a_model_draws_without_its_data() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    fs::remove_dir_all(album.pictures()).unwrap();
    let picture = album.path("out.png");
    let (run, out) = (text(&run), text(&picture));
    success(&["sample", run, "--out", out]);
    success(&["interpolate", run, "--out", out]);
    success(&[
        "features",
        run,
        "--out",
        text(&album.path("out.safetensors")),
    ]);
    let (_, errors) = failure(&["interpolate", run, "--test-images", "--out", out]);
    assert!(errors.contains("pictures"), "{errors}");
}

#[test]
fn a_run_without_its_record_of_the_data_draws_with_them() {
    let album = Album::new(12, 8);
    let run = album.train("vae", 8, &[]);
    fs::remove_file(run.join("data.safetensors")).unwrap();
    let picture = album.path("out.png");
    let call = ["sample", text(&run), "--out", text(&picture)];
    success(&call);
    fs::remove_dir_all(album.pictures()).unwrap();
    let (_, errors) = failure(&call);
    assert!(errors.contains("pictures"), "{errors}");
}

#[test]
fn data_that_have_moved_are_named_and_held_to_their_hash() {
    let album = Album::new(24, 8);
    let run = album.train("ae", 8, &[]);
    let elsewhere = album.path("elsewhere");
    fs::rename(album.pictures(), &elsewhere).unwrap();
    let set = format!("data.dir={}", elsewhere.display());
    let (run, out) = (text(&run), album.path("out.png"));
    for call in [&["evaluate", run][..], &["resume", run, "--steps", "4"]] {
        let (_, errors) = failure(call);
        assert!(errors.contains("`--set data.dir=DIR`"), "{errors}");
    }
    success(&["evaluate", run, "--set", &set]);
    success(&["reconstruct", run, "--out", text(&out), "--set", &set]);
    success(&["resume", run, "--steps", "4", "--set", &set]);
    // A run that was resumed remembers where they lie.
    success(&["evaluate", run]);
    let (code, errors) = failure(&["evaluate", run, "--set", "data.size=4"]);
    assert_eq!(code, 2);
    assert!(
        errors.contains("data.size") && errors.contains("data.dir"),
        "{errors}"
    );
    fs::remove_file(elsewhere.join("picture-003.png")).unwrap();
    let (_, errors) = failure(&["evaluate", run, "--set", &set]);
    assert!(errors.contains("have changed"), "{errors}");
    assert!(errors.contains("24 images then, 23 now"), "{errors}");
}

#[test]
fn what_was_done_to_the_data_is_said_at_the_start_recorded_and_reported() {
    let album = Album::new(24, 20);
    fs::write(album.pictures().join("notes.txt"), "no picture").unwrap();
    let (run, file) = (album.path("run"), album.experiment("ae", 8));
    let said = success(&["experiment", text(&file), "--out", text(&run)]);
    let report = fs::read_to_string(run.join("report.html")).unwrap();
    let record = fs::read_to_string(run.join("run.json")).unwrap();
    for told in [&said, &report, &record] {
        assert!(told.contains("resized to fewer pixels"), "{told}");
        assert!(told.contains("notes.txt"), "{told}");
    }
    assert!(said.contains("data: folder, 24 images of 3x8x8"), "{said}");
}
