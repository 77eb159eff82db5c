//! Numbers that stop being numbers: the run says in which phase and step, keeps what was good, and
//! says what to try.

use latentlab_run::Status;
use toml::Table;

use crate::failure;

/// What is said of a run that diverges, in one line.
fn divergence(deed: &str, phase: &str, more: &Table) -> String {
    let (said, status, code) = failure(deed, phase, more);
    assert_eq!((status, code), (Status::Diverged, 3), "{deed}: {said:?}");
    assert_eq!(said.len(), 1, "{deed}: {said:?}");
    let line = said[0].clone();
    assert!(line.contains("try a lower learning rate"), "{deed}: {line}");
    line
}

#[test]
fn a_loss_that_is_no_number_is_met_in_its_step() {
    for (deed, symptom) in [
        ("nan_loss", "loss is NaN"),
        ("infinite_loss", "loss is inf"),
    ] {
        for phase in ["first", "second"] {
            let line = divergence(deed, phase, &Table::new());
            let start = format!("phase `{phase}` diverged at step 4: {symptom}");
            assert!(line.starts_with(&start), "{line}");
            assert!(line.contains(&format!("`{phase}.centre`")), "{line}");
        }
    }
}

#[test]
fn a_gradient_that_is_no_number_is_met_in_its_step() {
    for phase in ["first", "second"] {
        // Step 4 leaves a checkpoint in the first case, and in the others none.
        let rare = toml::toml! { checkpoint.every = 3 };
        let plain = toml::toml! {
            checkpoint.every = 3
            optimizer = { name = "sgd", lr = 0.1 }
        };
        let clipped = toml::toml! {
            checkpoint.every = 3
            optimizer = { name = "adam", clip_norm = 1.0, clip_value = 10.0 }
        };
        for more in [Table::new(), rare, plain, clipped] {
            let line = divergence("nan_gradient", phase, &more);
            let start = format!("phase `{phase}` diverged at step 4");
            assert!(line.starts_with(&start), "{line}");
            assert!(line.contains(&format!("`{phase}.centre`")), "{line}");
        }
    }
}

#[test]
fn a_loss_that_explodes_and_a_rate_that_does_are_divergence() {
    let descent = toml::toml! { optimizer = { name = "sgd", lr = 0.1 } };
    let line = divergence("explosion", "second", &descent);
    assert!(
        line.starts_with("phase `second` diverged at step "),
        "{line}"
    );
    // The squares grow by 1e6 in each step, beyond the largest number after about seven.
    let steep = toml::toml! {
        steps = 40
        optimizer = { name = "sgd", lr = 1e3 }
    };
    let line = divergence("none", "first", &steep);
    assert!(line.contains("diverged at step"), "{line}");
}

#[test]
fn an_average_that_is_no_number_is_named_as_such_or_as_its_parameter() {
    let averaged = toml::toml! { ema.decay = 0.9 };
    let line = divergence("nan_gradient", "second", &averaged);
    assert!(line.contains("second.centre`"), "{line}");
}
