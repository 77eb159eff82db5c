//! What lies in a folder beside the pictures that are data: nothing is left out silently.

use std::{fs, path::Path};

use crate::opened::{bytes, labels, notes, open};
use image::{GrayImage, Luma};
use latentlab_data::{Dataset, Split};
use tempfile::{TempDir, tempdir};
use toml::Table;

/// A folder of pictures of one pixel, by path and grey level.
fn folder(pictures: &[(&str, u8)]) -> TempDir {
    let dir = tempdir().unwrap();
    for (path, level) in pictures {
        put(dir.path(), path, *level);
    }
    dir
}

fn put(dir: &Path, path: &str, level: u8) {
    let file = dir.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    GrayImage::from_pixel(1, 1, Luma([level]))
        .save(file)
        .unwrap();
}

fn keys() -> Table {
    toml::toml! { size = 1 channels = 1 test_fraction = 0.0 }
}

fn read(dir: &Path) -> Dataset {
    open("folder", "dir", dir, keys()).unwrap()
}

fn refused(dir: &Path) -> String {
    let message = open("folder", "dir", dir, keys()).unwrap_err().to_string();
    message.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn pictures_at_any_depth_belong_to_their_class() {
    let dir = folder(&[
        ("cats/2.png", 2),
        ("cats/more/1.png", 1),
        ("cats/more/yet/3.png", 3),
        ("dogs/only/below/4.png", 4),
    ]);
    let dataset = read(dir.path());
    assert_eq!(bytes(&dataset), [2, 1, 3, 4]);
    assert_eq!(labels(&dataset, Split::Train), [0, 0, 0, 1]);
    assert_eq!(notes(&dataset), [""; 0]);
    let summary = dataset.summary();
    let classes: Vec<_> = summary
        .classes
        .iter()
        .map(|class| (&*class.name, class.train))
        .collect();
    assert_eq!(classes, [("cats", 3), ("dogs", 1)]);
}

#[test]
fn pictures_at_depth_are_counted_where_they_do_not_belong() {
    let dir = folder(&[("cats/2.png", 2), ("cats/more/1.png", 1), ("dogs/4.png", 4)]);
    let mut keys = keys();
    keys.insert("recursive".to_owned(), false.into());
    let dataset = open("folder", "dir", dir.path(), keys).unwrap();
    assert_eq!(bytes(&dataset), [2, 4]);
    let note = "passed over: in folders below class folders (recursive = false): 1 \
                (cats/more/1.png)";
    assert_eq!(notes(&dataset), [note]);
}

#[test]
fn everything_that_is_no_data_is_counted_with_its_reason() {
    let dir = folder(&[("cats/1.png", 1), ("cats/2.JPG", 2), (".thumbs/1.png", 9)]);
    for (path, text) in [
        ("cats/a.webp", ""),
        ("cats/b.WEBP", ""),
        ("cats/c.heic", ""),
        ("cats/._1.png", ""),
        ("notes.txt", ""),
        ("cats/Thumbs", ""),
        ("empty/readme.md", ""),
    ] {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), text).unwrap();
    }
    assert_eq!(
        notes(&read(dir.path())),
        [
            "passed over: hidden: 2 (.thumbs, cats/._1.png)",
            "passed over: other files: 3 (notes.txt, cats/Thumbs, …)",
            "passed over: pictures that are not read, PNG and JPEG are (.webp): 2 (cats/a.webp, \
             cats/b.WEBP)",
            "passed over: pictures that are not read, PNG and JPEG are (.heic): 1 (cats/c.heic)",
            "passed over: folders without a picture: 1 (empty)",
        ]
    );
}

#[test]
fn a_class_of_pictures_that_are_not_read_is_refused() {
    let dir = folder(&[("cats/1.png", 1)]);
    fs::create_dir(dir.path().join("dogs")).unwrap();
    fs::write(dir.path().join("dogs/1.webp"), "").unwrap();
    let message = refused(dir.path());
    assert!(
        message.starts_with("DIR/dogs: is a class without a PNG or JPEG file"),
        "{message}"
    );
}

#[test]
fn a_folder_without_data_says_what_there_is() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("1.gif"), "").unwrap();
    assert_eq!(
        refused(dir.path()),
        "DIR: holds no PNG or JPEG file, nor do its sub-folders: passed over: pictures that are not \
         read, PNG and JPEG are (.gif): 1 (1.gif)"
    );
}

#[test]
fn pictures_beside_class_folders_are_refused_by_name() {
    let dir = folder(&[("sheet.png", 1), ("cats/more/1.png", 2)]);
    let message = refused(dir.path());
    assert!(
        message.starts_with("DIR: holds both images (sheet.png) and sub-folders of images (cats/"),
        "{message}"
    );
}

/// What a run leaves behind, in a folder of this name.
fn run(dir: &Path, name: &str) {
    put(dir, &format!("{name}/samples/step-000010.png"), 200);
    put(dir, &format!("{name}/reconstructions/step-000010.png"), 201);
    fs::write(dir.join(name).join("run.json"), "{}").unwrap();
    fs::write(dir.join(name).join("config.toml"), "").unwrap();
}

#[test]
fn what_runs_leave_behind_never_becomes_data() {
    // A flat folder that is the working folder of its runs as well, and one with classes.
    let flat = folder(&[("1.png", 1), ("2.png", 2)]);
    let classes = folder(&[("cats/1.png", 1), ("dogs/2.png", 2)]);
    for dir in [&flat, &classes] {
        let before = read(dir.path());
        run(dir.path(), "runs/faces/20261126T101500Z-s0-9c1e");
        run(dir.path(), "runs/faces/20261126T101500Z-s1-17aa");
        run(dir.path(), "one-run");
        fs::write(dir.path().join("faces.toml"), "").unwrap();
        let after = read(dir.path());
        assert_eq!(bytes(&after), bytes(&before));
        assert_eq!(after.fingerprints(), before.fingerprints());
        let passed_over = "passed over: run directories: 3 (one-run, \
                           runs/faces/20261126T101500Z-s0-9c1e, …)";
        assert!(
            notes(&after).contains(&passed_over.to_owned()),
            "{:?}",
            notes(&after)
        );
    }
    let nested = folder(&[("cats/1.png", 1)]);
    run(nested.path(), "cats/run");
    assert_eq!(bytes(&read(nested.path())), [1]);
    let message = refused(&nested.path().join("cats/run"));
    assert!(message.contains("is a run directory"), "{message}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles_and_dead_ones_are_named() {
    use std::os::unix::fs::symlink;
    let (dir, elsewhere) = (
        folder(&[("cats/1.png", 1)]),
        folder(&[("2.png", 2), ("3.png", 3)]),
    );
    symlink(elsewhere.path(), dir.path().join("dogs")).unwrap();
    symlink(
        elsewhere.path().join("3.png"),
        dir.path().join("cats/3.png"),
    )
    .unwrap();
    symlink(dir.path(), dir.path().join("cats/above")).unwrap();
    symlink(dir.path().join("nowhere"), dir.path().join("cats/gone")).unwrap();
    let dataset = read(dir.path());
    assert_eq!(bytes(&dataset), [1, 3, 2, 3]);
    assert_eq!(
        notes(&dataset),
        [
            "passed over: links that lead nowhere: 1 (cats/gone)",
            "passed over: links to a folder that they lie in: 1 (cats/above)",
        ]
    );
    symlink(dir.path().join("nowhere"), dir.path().join("cats/gone.png")).unwrap();
    let message = refused(dir.path());
    assert!(message.contains("DIR/cats/gone.png"), "{message}");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    let dir = folder(&[("1.png", 1)]);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("2.png")).unwrap();
    assert_eq!(
        notes(&read(dir.path())),
        ["passed over: neither files nor folders: 1 (2.png)"]
    );
}
