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
    let nowhere = message(toml::toml! { name = "idx" });
    assert!(nowhere.starts_with("`data.dir`: missing"), "{nowhere}");
}
