//! Code of others that panics or breaks the contract.

use latentlab_run::{Status, chain, conformance, reproduction::compare};
use toml::Table;

use crate::{failure, registry, run};

#[test]
fn a_panic_in_a_phase_names_the_model_and_marks_the_run_as_failed() {
    for phase in ["first", "second"] {
        let (said, status, code) = failure("panic", phase, &Table::new());
        assert_eq!(
            said,
            ["the model `saboteur` panicked: step 4 is one too many"]
        );
        assert_eq!((status, code), (Status::Failed, 1));
    }
}

#[test]
fn a_panic_while_it_is_built_names_the_model_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let error = run(&out, "panic_at_build", "first", &Table::new()).unwrap_err();
    assert_eq!(
        chain(&error),
        ["the model `saboteur` panicked: built to fall"]
    );
    assert!(!out.exists());
}

#[test]
fn a_wrong_shape_names_model_phase_and_step() {
    let (said, status, code) = failure("wrong_shape", "second", &Table::new());
    assert_eq!(said[0], "phase `second` failed at step 4");
    assert!(said[1].contains("[8, 2]"), "{said:?}");
    assert_eq!((status, code), (Status::Failed, 1));

    let (said, status, _) = failure("wrong_loss", "second", &Table::new());
    assert_eq!(
        said,
        [
            "phase `second` returned a loss of shape [8, 2]; it must be a scalar, such as the mean \
          over a batch"
        ]
    );
    assert_eq!(status, Status::Failed);
}

#[test]
fn samples_of_another_shape_name_it() {
    let more = toml::toml! { samples.every = 4 };
    let (said, status, _) = failure("wrong_samples", "first", &more);
    assert!(said.concat().contains("shape"), "{said:?}");
    assert_eq!(status, Status::Failed);
}

#[test]
fn a_parameter_that_nothing_depends_on_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let error = run(&out, "no_gradient", "first", &Table::new()).unwrap_err();
    let said = chain(&error);
    assert!(
        said[1].starts_with("parameter `second.idle` got no gradient from phase `second`"),
        "{said:?}"
    );
}

#[test]
fn a_foreign_generator_is_caught_by_the_conformance_check_and_by_a_second_run() {
    let config = toml::toml! { deed = "foreign_generator" };
    let error = conformance::check(&registry(), "saboteur", &config).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("model `saboteur`") && said.contains("seed"),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let runs = ["one", "two"].map(|name| folder.path().join(name));
    for out in &runs {
        run(out, "foreign_generator", "first", &Table::new()).unwrap();
    }
    let found = compare(&runs[0], &runs[1]).unwrap();
    let differs = |file: &str| {
        let mut different = found.different.iter();
        different.any(|(path, _)| path.ends_with(file))
    };
    assert!(
        differs("params.safetensors") && differs("metrics.jsonl"),
        "{found:?}"
    );
}
