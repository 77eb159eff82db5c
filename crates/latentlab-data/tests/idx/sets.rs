//! Sets as other tools make them: names, types, what is missing, what is turned.

use std::fs;

use latentlab_data::{Dataset, Result, Split};
use tempfile::{TempDir, tempdir};
use toml::Table;

use crate::{
    gzip, idx,
    opened::{bytes, labels, notes, open, values},
};

/// A folder of these files.
fn folder(files: &[(&str, Vec<u8>)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

/// Images of one pixel with these levels.
fn levels(levels: &[u8]) -> Vec<u8> {
    idx(&[levels.len() as u32, 1, 1], levels)
}

fn read(dir: &TempDir, mut keys: Table) -> Result<Dataset> {
    keys.insert("test_fraction".to_owned(), 0.0.into());
    open("idx", "dir", dir.path(), keys)
}

#[test]
fn files_are_found_under_the_names_that_other_tools_give_them() {
    for [images, labels_name, test] in [
        [
            "train-images.idx3-ubyte",
            "train-labels.idx1-ubyte",
            "t10k-images.idx3-ubyte",
        ],
        [
            "emnist-letters-train-images-idx3-ubyte",
            "emnist-letters-train-labels-idx1-ubyte",
            "emnist-letters-test-images-idx3-ubyte",
        ],
        ["train_images.idx", "train_labels.idx", "test_images.idx"],
    ] {
        let test_labels = test.replace("images", "labels").replace("idx3", "idx1");
        let dir = folder(&[
            (images, levels(&[1, 2])),
            (labels_name, idx(&[2], &[4, 5])),
            (&format!("{test}.gz"), gzip(&levels(&[3]))),
            (&test_labels, idx(&[1], &[6])),
        ]);
        let dataset = read(&dir, Table::new()).unwrap();
        assert_eq!(bytes(&dataset), [1, 2], "{images}");
        assert_eq!(labels(&dataset, Split::Train), [4, 5]);
        assert_eq!(labels(&dataset, Split::Test), [6]);
    }
}

#[test]
fn one_set_of_several_is_chosen_by_prefix() {
    let files = |set: &str, level: u8| {
        [
            (
                format!("emnist-{set}-train-images-idx3-ubyte"),
                levels(&[level]),
            ),
            (
                format!("emnist-{set}-train-labels-idx1-ubyte"),
                idx(&[1], &[level]),
            ),
        ]
    };
    let dir = tempdir().unwrap();
    for (name, bytes) in [files("digits", 1), files("letters", 2)].concat() {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let message = read(&dir, Table::new()).unwrap_err().to_string();
    assert!(
        message.contains(
            "holds several files of images to train on: emnist-digits-train-images-idx3-ubyte, \
             emnist-letters-train-images-idx3-ubyte; say by `prefix`"
        ),
        "{message}"
    );
    let dataset = read(&dir, toml::toml! { prefix = "emnist-letters" }).unwrap();
    assert_eq!(
        (bytes(&dataset), labels(&dataset, Split::Train)),
        (vec![2], vec![2])
    );
    assert_eq!(
        notes(&dataset),
        [
            "passed over: other files of images or labels: 2 (emnist-digits-train-images-idx3-ubyte, \
             emnist-digits-train-labels-idx1-ubyte)"
        ]
    );
    let message = read(&dir, toml::toml! { prefix = "kmnist" })
        .unwrap_err()
        .to_string();
    assert!(message.contains("that begins with \"kmnist\""), "{message}");
    // What is named as in MNIST comes before all else.
    fs::write(dir.path().join("train-images-idx3-ubyte"), levels(&[9])).unwrap();
    let dataset = read(&dir, Table::new()).unwrap();
    assert_eq!((bytes(&dataset), dataset.info().classes), (vec![9], None));
}

#[test]
fn every_type_of_the_format_is_read() {
    let file = |code: u8, bytes: &[u8]| {
        let mut file = idx(&[1, 1, 2], bytes);
        file[2] = code;
        folder(&[("train-images-idx3-ubyte", file)])
    };
    for (code, bytes_of) in [
        (0x08, vec![0, 102]),
        (0x09, vec![0, 102]),
        (0x0b, vec![0, 0, 0, 102]),
        (0x0c, vec![0, 0, 0, 0, 0, 0, 0, 102]),
    ] {
        let dataset = read(&file(code, &bytes_of), Table::new()).unwrap();
        assert_eq!(bytes(&dataset), [0, 102], "{code}");
    }
    let floats = [0.0f32, 0.4].map(f32::to_be_bytes).concat();
    let dataset = read(&file(0x0d, &floats), Table::new()).unwrap();
    assert_eq!(values(&dataset, Split::Train), [0.0, 0.4]);
    let doubles = [-1.0f64, 1.0].map(f64::to_be_bytes).concat();
    let dataset = read(&file(0x0e, &doubles), toml::toml! { scale = "signed" }).unwrap();
    assert_eq!(values(&dataset, Split::Train), [0.0, 1.0]);
    let message = read(&file(0x0a, &[0, 0]), Table::new())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("train-images-idx3-ubyte: has type 0x0a, expected"),
        "{message}"
    );
}

#[test]
fn labels_and_test_images_may_be_missing() {
    let many: Vec<u8> = (0..200).collect();
    let dir = folder(&[("train-images-idx3-ubyte", levels(&many))]);
    let dataset = read(&dir, Table::new()).unwrap();
    assert_eq!(
        (dataset.len(Split::Train), dataset.info().classes),
        (200, None)
    );
    let test_of = |keys: Table| {
        let dataset = open("idx", "dir", dir.path(), keys).unwrap();
        values(&dataset, Split::Test)
    };
    let share = || toml::toml! { test_fraction = 0.25 };
    let before = test_of(share());
    // Four standard deviations of √(200 · 0.25 · 0.75).
    assert!(before.len().abs_diff(50) < 25, "{}", before.len());
    assert_eq!(
        test_of(toml::toml! { test_fraction = 0.25 split = "shuffled" }).len(),
        50
    );
    let more: Vec<u8> = (0..=255).collect();
    fs::write(dir.path().join("train-images-idx3-ubyte"), levels(&more)).unwrap();
    let mut after = test_of(share());
    after.retain(|value| *value < 199.5 / 255.0);
    assert_eq!(before, after);
    fs::write(dir.path().join("t10k-images-idx3-ubyte"), levels(&[1])).unwrap();
    assert_eq!(test_of(share()), [1.0 / 255.0]);
    fs::write(dir.path().join("t10k-labels-idx1-ubyte"), idx(&[1], &[1])).unwrap();
    let message = read(&dir, Table::new()).unwrap_err().to_string();
    assert!(
        message.contains("holds labels, but the training images have none"),
        "{message}"
    );
}

#[test]
fn rows_that_are_stored_as_columns_are_turned() {
    let dir = folder(&[(
        "train-images-idx3-ubyte",
        idx(&[1, 3, 2], &[1, 4, 2, 5, 3, 6]),
    )]);
    let dataset = read(&dir, toml::toml! { transpose = true }).unwrap();
    assert_eq!(dataset.info().shape.batch(1), (1, 1, 2, 3));
    assert_eq!(bytes(&dataset), [1, 2, 3, 4, 5, 6]);
    assert_eq!(notes(&dataset), ["rows and columns swapped: 1"]);
}

#[test]
fn colours_lie_last_or_first() {
    let last = folder(&[(
        "train-images-idx4-ubyte",
        idx(&[1, 5, 1, 3], &(0..15).collect::<Vec<u8>>()),
    )]);
    let dataset = read(&last, Table::new()).unwrap();
    assert_eq!(dataset.info().shape.batch(1), (1, 3, 5, 1));
    assert_eq!(bytes(&dataset)[..5], [0, 3, 6, 9, 12]);
    let first = folder(&[(
        "train-images-idx4-ubyte",
        idx(&[1, 3, 5, 1], &(0..15).collect::<Vec<u8>>()),
    )]);
    let message = read(&first, Table::new()).unwrap_err().to_string();
    assert!(message.contains("write layout"), "{message}");
    let dataset = read(&first, toml::toml! { layout = "nchw" }).unwrap();
    assert_eq!(bytes(&dataset)[..5], [0, 1, 2, 3, 4]);
}
