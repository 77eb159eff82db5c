//! Every source says what it is made of.

use latentlab_core::ValueRange;
use latentlab_data::{DataConfig, Dataset, Summary};
use toml::{Table, toml};

fn summary(table: Table) -> Summary {
    let config = DataConfig::from_table(&table).unwrap();
    Dataset::open(&config).unwrap().summary().clone()
}

#[test]
fn digits_are_counted_by_class_and_split() {
    let summary = summary(toml! { name = "mnist" validation = 10_000 });
    assert_eq!(summary.source, "mnist");
    assert_eq!(
        [summary.train, summary.validation, summary.test],
        [50_000, 10_000, 10_000]
    );
    let of_train: Vec<usize> = summary
        .classes
        .iter()
        .map(|class| class.train + class.validation)
        .collect();
    // As in crates/latentlab-mnist/README.md.
    assert_eq!(
        of_train,
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    );
    assert_eq!(summary.classes[3].name, "3");
    assert_eq!(summary.notes, []);
    let text = summary.to_string();
    assert!(
        text.starts_with(
            "data: mnist, 70000 images of 1x28x28 (channels, rows, columns), values in"
        ),
        "{text}"
    );
}

#[test]
fn points_and_throws_have_summaries_too() {
    let ring = summary(toml! { name = "ring" train = 800 test = 80 });
    assert_eq!(
        (ring.range, ring.shape.batch(1)),
        (ValueRange::Real, (1, 2, 1, 1))
    );
    assert_eq!((ring.train, ring.test, ring.classes.len()), (800, 80, 8));
    let dice = summary(toml! { name = "dice" train = 600 test = 600 });
    // Faces 3 and 4 never come up.
    let faces: Vec<u32> = dice.classes.iter().map(|class| class.label).collect();
    assert_eq!(faces, [0, 1, 2, 5]);
}

#[test]
fn a_summary_can_be_written_and_read() {
    let summary = summary(toml! { name = "grid" train = 100 test = 10 });
    let table = Table::try_from(&summary).unwrap();
    assert_eq!(table["source"].as_str(), Some("grid"));
    assert_eq!(table.try_into::<Summary>().unwrap(), summary);
}
