//! Which array of a file is which, how its images lie, and how they are split.

use std::fs;

use latentlab_data::Split;
use tempfile::tempdir;
use toml::Table;

use crate::{
    archive::{npy, npz, numbers, read, refused},
    opened::{bytes, labels, notes, open, values},
};

#[test]
fn channels_are_found_where_the_lengths_leave_no_doubt() {
    let shape_of = |shape: &str, layout: &str| {
        let count: usize = shape
            .split(", ")
            .map(|n| n.parse::<usize>().unwrap())
            .product();
        let images = npy("|u1", shape, &vec![7; count]);
        let keys = Table::from_iter([("layout".to_owned(), layout.into())]);
        let dataset = read(&[("images", images)], keys)?;
        Ok::<_, latentlab_data::Error>(dataset.info().shape.batch(1))
    };
    for (shape, expected) in [
        ("2, 8, 8, 3", (1, 3, 8, 8)),
        ("2, 3, 8, 8", (1, 3, 8, 8)),
        ("2, 2, 8, 6", (1, 2, 8, 6)),
        ("2, 8, 6, 4", (1, 4, 8, 6)),
        ("2, 8, 8, 13", (1, 13, 8, 8)),
        ("2, 13, 8, 8", (1, 13, 8, 8)),
        ("2, 4, 4, 3", (1, 3, 4, 4)),
        ("2, 1, 1, 1", (1, 1, 1, 1)),
        ("2, 8, 6", (1, 1, 8, 6)),
    ] {
        assert_eq!(shape_of(shape, "auto").unwrap(), expected, "{shape}");
    }
    for open in ["2, 3, 64, 1", "2, 3, 3, 3", "2, 9, 8, 7", "2, 1, 2, 3"] {
        let message = shape_of(open, "auto").unwrap_err().to_string();
        assert!(
            message.contains("write layout = \"nhwc\" or \"nchw\""),
            "{message}"
        );
    }
    assert_eq!(shape_of("2, 3, 64, 1", "nhwc").unwrap(), (1, 1, 3, 64));
    assert_eq!(shape_of("2, 3, 64, 1", "nchw").unwrap(), (1, 3, 64, 1));
    let message = shape_of("2, 64", "auto").unwrap_err().to_string();
    assert!(
        message.contains("expected [N, H, W], [N, H, W, C] or [N, C, H, W]"),
        "{message}"
    );
}

#[test]
fn either_layout_gives_the_same_planes() {
    let (last, first) = ([1, 10, 2, 20, 3, 30], [1, 2, 3, 10, 20, 30]);
    for (shape, pixels, layout) in [("1, 1, 3, 2", last, "nhwc"), ("1, 2, 1, 3", first, "nchw")] {
        let keys = Table::from_iter([("layout".to_owned(), layout.into())]);
        let dataset = read(&[("images", npy("|u1", shape, &pixels))], keys).unwrap();
        assert_eq!(bytes(&dataset), first, "{layout}");
    }
}

#[test]
fn arrays_are_named_by_keys_and_those_that_are_not_are_said() {
    let file = || {
        [
            ("pictures", numbers("|u1", "2, 1, 1", &[10, 20])),
            ("coarse", numbers("|u1", "2,", &[0, 1])),
            ("fine", numbers("|u1", "2,", &[5, 6])),
        ]
    };
    let keys = toml::toml! { keys = { images = "pictures", labels = "fine" } };
    let dataset = read(&file(), keys).unwrap();
    assert_eq!(labels(&dataset, Split::Train), [5, 6]);
    assert_eq!(
        notes(&dataset),
        ["passed over: arrays that were not asked for: 1 (coarse)"]
    );
    let message = refused(&file(), Table::new());
    assert!(
        message
            .ends_with("it holds pictures (uint8 [2, 1, 1]), coarse (uint8 [2]), fine (uint8 [2])"),
        "{message}"
    );
    let message = refused(&file(), toml::toml! { keys = { images = "picture" } });
    assert!(
        message.starts_with("`data.keys.images`: there is no array `picture`; it holds pictures ("),
        "{message}"
    );
    let message = refused(&file(), toml::toml! { keys = { pictures = "fine" } });
    assert!(message.starts_with("`data.keys"), "{message}");
}

#[test]
fn usual_names_are_found_and_test_images_may_be_missing() {
    let one = |level| numbers("|u1", "1, 1, 1", &[level]);
    let med = [
        ("train_images", one(1)),
        ("val_images", one(2)),
        ("test_images", one(3)),
        ("train_labels", numbers("|u1", "1, 1", &[4])),
        ("val_labels", numbers("|u1", "1, 1", &[5])),
        ("test_labels", numbers("|u1", "1, 1", &[6])),
    ];
    let dataset = read(&med, Table::new()).unwrap();
    assert_eq!(
        (dataset.len(Split::Train), dataset.len(Split::Test)),
        (1, 1)
    );
    assert_eq!(labels(&dataset, Split::Test), [6]);
    let dataset = read(
        &[("x_train", one(1)), ("y_train", numbers("|u1", "1,", &[4]))],
        Table::new(),
    );
    assert_eq!(labels(&dataset.unwrap(), Split::Train), [4]);
    // numpy.savez(path, images)
    assert_eq!(
        bytes(&read(&[("arr_0", one(9))], Table::new()).unwrap()),
        [9]
    );
    let labels_alone = [
        ("x_train", one(1)),
        ("y_train", numbers("|u1", "1,", &[4])),
        ("y_test", numbers("|u1", "1,", &[4])),
    ];
    let message = refused(&labels_alone, Table::new());
    assert!(
        message.contains("holds no images to test on for the labels `y_test`"),
        "{message}"
    );
}

#[test]
fn an_npy_file_is_its_images() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("images.npy");
    fs::write(&path, npy("|u1", "2, 1, 2", &[1, 2, 3, 4])).unwrap();
    let dataset = open("npz", "path", &path, toml::toml! { test_fraction = 0.0 }).unwrap();
    assert_eq!(bytes(&dataset), [1, 2, 3, 4]);
    let keys = toml::toml! { keys = { images = "x" } };
    let message = open("npz", "path", &path, keys).unwrap_err().to_string();
    assert!(
        message.starts_with("`data.keys`: are for .npz files"),
        "{message}"
    );
}

#[test]
fn images_that_are_added_leave_old_ones_on_their_side_and_equal_ones_stay_together() {
    let test_of = |count: u8, stratified: bool| {
        let dir = tempdir().unwrap();
        let path = dir.path().join("images.npz");
        let images: Vec<u8> = (0..count).chain([7, 7, 7]).collect();
        let shape = format!("{}, 1, 1", images.len());
        let classes: Vec<i64> = images.iter().map(|level| i64::from(level % 2)).collect();
        let arrays = [
            ("images", npy("|u1", &shape, &images)),
            (
                "labels",
                numbers("|u1", &format!("{},", images.len()), &classes),
            ),
        ];
        fs::write(&path, npz(&arrays)).unwrap();
        let mut keys = toml::toml! { test_fraction = 0.25 };
        keys.insert("stratified".to_owned(), stratified.into());
        let dataset = open("npz", "path", &path, keys).unwrap();
        let values = values(&dataset, Split::Test);
        values
            .iter()
            .map(|v| (v * 255.0).round() as u8)
            .collect::<Vec<u8>>()
    };
    let (before, mut after) = (test_of(100, false), test_of(140, false));
    after.retain(|level| *level < 100);
    assert_eq!(before, after);
    let sevens = before.iter().filter(|level| **level == 7).count();
    assert!(sevens == 0 || sevens == 4, "{sevens}");
    // 50 even ones and 53 odd ones.
    let (even, odd): (Vec<u8>, Vec<u8>) =
        test_of(100, true).iter().partition(|level| *level % 2 == 0);
    assert_eq!((even.len(), odd.len()), (13, 13));
}
