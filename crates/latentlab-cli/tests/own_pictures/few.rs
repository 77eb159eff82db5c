//! Folders of a few pictures: every figure that can be had, and advice that helps.

use crate::album::{Album, failure, latentlab, success, text, told};

/// The value that a message advises to raise must not be the one in force.
#[test]
fn the_advice_for_too_few_pictures_is_not_what_is_in_force() {
    for count in 1..=4 {
        let album = Album::new(count, 8);
        let file = album.experiment("ae", 8);
        let out = album.path("run");
        let output = latentlab(&["experiment", text(&file), "--out", text(&out)]);
        let said = told(&output);
        if output.status.success() {
            continue;
        }
        assert_eq!(output.status.code(), Some(2), "{count}: {said}");
        assert!(!said.contains("test_fraction = 0.25`"), "{count}: {said}");
        assert!(
            said.contains("test_fraction") || said.contains("batch"),
            "{count}: {said}"
        );
    }
}

#[test]
fn one_test_image_gets_every_figure_that_it_allows() {
    let album = Album::new(12, 16);
    let sorted = |fraction: f64| format!("data.test_fraction={fraction}");
    // The smallest share that holds out one picture.
    let run = album.path("run");
    let file = album.experiment("vae", 16);
    let share = (1..100).find(|percent| {
        let set = sorted(f64::from(*percent) / 100.0);
        let call = [
            "experiment",
            text(&file),
            "--out",
            text(&run),
            "--set",
            &set,
        ];
        latentlab(&call).status.success()
    });
    assert!(share.is_some());
    let split = std::fs::read_to_string(run.join("run.json")).unwrap();
    assert!(split.contains("\"test\": 1"), "{split}");
    for by in ["pixels", "none"] {
        let said = success(&["evaluate", text(&run), "--by", by]);
        for figure in ["elbo", "squared_error", "peak_signal_to_noise", "spread"] {
            assert!(said.contains(figure), "{by}, no {figure}: {said}");
        }
        assert_eq!(said.contains("one test image"), by == "pixels", "{said}");
    }
}

#[test]
fn images_too_small_for_a_figure_are_named() {
    let album = Album::new(24, 8);
    let run = album.train("ae", 8, &[]);
    let said = success(&["evaluate", text(&run)]);
    assert!(
        said.contains("structural_similarity left out: images of 8 × 8 pixels"),
        "{said}"
    );
    assert!(said.contains("peak_signal_to_noise"), "{said}");
    let (code, _) = failure(&["evaluate", text(&run), "--samples", "9"]);
    assert_eq!(code, 2);
}
