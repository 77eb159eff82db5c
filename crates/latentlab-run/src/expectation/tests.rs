//! What is expected, judged.

use latentlab_core::Registry;
use toml::Table;

use super::*;
use crate::{Experiment, is_harmless};

const FILE: &str = r#"
    steps = 7
    [[expect]]
    figure = "test/elbo"
    value = -105.0
    tolerance = 0.5
    source = "Kingma and Welling 2014"
    protocol = "10,000 test images"
    [[expect]]
    figure = "samples/high_quality"
    value = 0.9
    direction = "at_least"
    [model]
    name = "vae"
"#;

fn resolve(file: &str) -> Result<Experiment> {
    let registry = Registry::default().with(latentlab_models::plugin).unwrap();
    Experiment::resolve(&file.parse().unwrap(), &Table::new(), &registry)
}

fn expectation(direction: Direction) -> Expectation {
    let mut first = resolve(FILE).unwrap().expect.swap_remove(0);
    first.direction = direction;
    first
}

/// Records of `test/elbo`, one a step from step 1.
fn records(elbos: &[f64]) -> Vec<Record> {
    let record = |(step, elbo): (u64, &f64)| {
        let mut record = Record::new(step, 0.0);
        record.insert("test/elbo", *elbo);
        record
    };
    (1..).zip(elbos).map(record).collect()
}

#[test]
fn the_last_value_is_judged_or_that_of_the_step() {
    let mut expectation = expectation(Direction::Near);
    assert_eq!(expectation.came(&records(&[-120.0, -110.0])), Some(-110.0));
    let records = records(&[-120.0, -110.0, f64::NAN]);
    let came = expectation.came(&records);
    assert!(
        matches!(expectation.judge(came), Verdict::Missed { .. }),
        "no number is not what was expected, whatever came before it"
    );
    expectation.step = Some(1);
    assert_eq!(expectation.came(&records), Some(-120.0));
    assert_eq!(expectation.what(), "test/elbo at step 1");
    expectation.step = Some(4);
    assert_eq!(expectation.came(&records), None);
}

#[test]
fn each_direction_ends_at_its_tolerance() {
    for (direction, elbo, met) in [
        (Direction::Near, -104.5, true),
        (Direction::Near, -105.5, true),
        (Direction::Near, -104.25, false),
        (Direction::Near, -105.75, false),
        (Direction::AtLeast, -105.5, true),
        (Direction::AtLeast, -1.0, true),
        (Direction::AtLeast, -105.75, false),
        (Direction::AtMost, -104.5, true),
        (Direction::AtMost, -300.0, true),
        (Direction::AtMost, -104.25, false),
    ] {
        let difference = elbo + 105.0;
        let expected = match met {
            true => Verdict::Met { difference },
            false => Verdict::Missed { difference },
        };
        let found = expectation(direction).judge(Some(elbo));
        assert_eq!(found, expected, "{direction:?} {elbo}");
    }
}

#[test]
fn a_figure_that_the_run_lacks_is_absent_and_one_without_a_value_is_missed() {
    let near = expectation(Direction::Near);
    assert_eq!(near.judge(near.came(&[])), Verdict::Absent);
    let nan = near.judge(Some(f64::NAN));
    assert!(matches!(nan, Verdict::Missed { .. }), "{nan:?}");
}

#[test]
fn a_resolved_file_reads_back_as_it_was_also_with_tables_after_the_expectations() {
    let experiment = resolve(FILE).unwrap();
    let text = experiment.to_table().unwrap().to_string();
    let again = resolve(&text).unwrap();
    assert_eq!(again.expect, experiment.expect);
    assert_eq!(again.to_table().unwrap().to_string(), text);
    assert_eq!(experiment.expect[1].direction, Direction::AtLeast);
    let without = resolve("model.name = \"vae\"").unwrap().to_table().unwrap();
    assert!(!without.contains_key("expect"), "{without}");
}

#[test]
fn expectations_may_change_when_a_run_is_taken_up_again() {
    assert!(is_harmless("expect"));
}

#[test]
fn a_wrong_key_and_a_value_that_compares_with_nothing_are_refused() {
    for (line, word) in [
        ("tolerence = 1.0", "tolerence"),
        ("direction = \"nearby\"", "at_least"),
        ("tolerance = -1.0", "at least 0, not -1"),
        ("tolerance = nan", "NaN"),
    ] {
        let file =
            format!("model.name = \"vae\"\n[[expect]]\nfigure = \"a\"\nvalue = 1.0\n{line}\n");
        let message = resolve(&file).unwrap_err().to_string();
        assert!(message.contains(word), "{line}: {message}");
        assert!(message.contains("expect"), "{line}: {message}");
    }
    let file = "model.name = \"vae\"\n[[expect]]\nfigure = \"a\"\nvalue = inf\n";
    let message = resolve(file).unwrap_err().to_string();
    assert!(message.contains("finite number, not inf"), "{message}");
}

#[test]
fn closing_words_say_what_was_expected_what_came_and_from_where_it_is_known() {
    let expectations = resolve(FILE).unwrap().expect;
    let expectations: Vec<_> = expectations
        .into_iter()
        .zip([Some(-104.75), None])
        .collect();
    assert_eq!(
        closing_words(&expectations, true),
        "\n  expected test/elbo -105 ± 0.5, came -104.75 (+0.25000): met \
         [Kingma and Welling 2014]\
         \n  expected samples/high_quality at least 0.9, absent"
    );
    let early = closing_words(&expectations[1..], false);
    assert!(
        early.ends_with("0.9, not judged: the run was stopped early"),
        "{early}"
    );
}
