//! Options that do not fit the data are refused when the data set is opened.

use latentlab_data::{DataConfig, Dataset};
use toml::Table;

#[test]
fn options_that_do_not_fit_the_data_name_their_key() {
    let message = |table: Table| {
        let config = DataConfig::from_table(&table).unwrap();
        Dataset::open(&config).unwrap_err().to_string()
    };
    let binarised = message(toml::toml! { name = "ring" binarise = "static" });
    assert!(
        binarised.starts_with("`data.binarise`: needs values in [0, 1]"),
        "{binarised}"
    );
    let flipped = message(toml::toml! { name = "dice" flip = true });
    assert!(
        flipped.starts_with("`data.flip`: would do nothing"),
        "{flipped}"
    );
    let moved = message(toml::toml! { name = "ring" shift = 1 });
    assert!(moved.starts_with("`data.shift`: needs values"), "{moved}");
    let lost = message(toml::toml! { name = "mnist" shift = 28 });
    assert!(lost.contains("out of sight"), "{lost}");
    let held_out = message(toml::toml! { name = "ring" train = 10 validation = 10 });
    assert!(
        held_out.starts_with("`data.validation`: is 10, but"),
        "{held_out}"
    );
    let untrained = message(toml::toml! { name = "ring" train = 0 });
    assert!(
        untrained.starts_with("`data`: the 10000 images are all to test on"),
        "{untrained}"
    );
}

#[test]
fn a_source_without_a_place_says_how_to_name_one() {
    for (name, expected) in [
        (
            "folder",
            "`data.dir`: missing: name the folder of the images, for example with \
             `--set data.dir=my-pictures`",
        ),
        (
            "idx",
            "`data.dir`: missing: name the folder of the IDX files, for example with \
             `--set data.dir=fashion-mnist`",
        ),
        (
            "npz",
            "`data.path`: missing: name the .npz file, for example with \
             `--set data.path=images.npz`",
        ),
    ] {
        let table = Table::from_iter([("name".to_owned(), name.into())]);
        let config = DataConfig::from_table(&table).unwrap();
        let error = Dataset::open(&config).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}
