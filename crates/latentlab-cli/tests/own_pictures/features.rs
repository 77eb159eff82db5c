//! What pictures of one's own are compared by.

use std::fs;

use crate::album::{Album, failure, success, text};

#[test]
fn pictures_of_any_size_are_compared_by_the_network_for_pictures() {
    for side in [8, 20] {
        let album = Album::new(60, side);
        let run = album.train("vae", side, &["--set", "evaluate.images=64"]);
        let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        assert!(records.contains("samples/frechet"), "{records}");
        let said = success(&["evaluate", text(&run)]);
        assert!(
            said.contains("features: pictures (not comparable"),
            "{said}"
        );
        assert!(
            !said.contains("sure"),
            "its classes are nobody's concern: {said}"
        );
        let said = success(&["evaluate", text(&run), "--by", "pixels"]);
        assert!(said.contains("features: pixels"), "{said}");
        let (code, errors) = failure(&["evaluate", text(&run), "--by", "pikels"]);
        assert_eq!(code, 2);
        assert!(
            errors.contains("digits, pictures, pixels, none"),
            "{errors}"
        );
    }
}

#[test]
fn a_run_of_before_records_what_it_recorded() {
    let album = Album::new(60, 8);
    let run = album.train("vae", 8, &["--set", "evaluate.features=none"]);
    let config = run.join("config.toml");
    let text_of = fs::read_to_string(&config).unwrap();
    fs::write(
        &config,
        text_of.replace("features = \"none\"", "features = \"auto\""),
    )
    .unwrap();
    fs::remove_file(run.join("data.safetensors")).unwrap();
    success(&["resume", text(&run), "--steps", "5"]);
    let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert!(!records.contains("samples/frechet"), "{records}");
}
