//! Splits of sources without a test set: they stay when data grow, and no side is empty.

use std::{collections::BTreeMap, fs, path::Path};

use crate::opened::{open, values};
use image::{GrayImage, Luma};
use latentlab_data::{DataConfig, Dataset, Split, keep_older_meaning};
use sha2::{Digest, Sha256};
use tempfile::{TempDir, tempdir};
use toml::Table;

/// `count` pictures of one pixel, `first`.png and on, each with its number as grey level.
fn put(dir: &Path, numbers: std::ops::Range<u8>) {
    fs::create_dir_all(dir).unwrap();
    for number in numbers {
        let picture = GrayImage::from_pixel(1, 1, Luma([number]));
        picture.save(dir.join(format!("{number:03}.png"))).unwrap();
    }
}

fn folder(count: u8) -> TempDir {
    let dir = tempdir().unwrap();
    put(dir.path(), 0..count);
    dir
}

fn keys(further: Table) -> Table {
    let mut keys = toml::toml! { size = 1 channels = 1 test_fraction = 0.25 };
    keys.extend(further);
    keys
}

/// The grey levels of each split.
fn levels(dataset: &Dataset) -> [Vec<u8>; 3] {
    [Split::Train, Split::Validation, Split::Test].map(|split| match dataset.len(split) {
        0 => Vec::new(),
        _ => values(dataset, split)
            .iter()
            .map(|v| (v * 255.0).round() as u8)
            .collect(),
    })
}

#[test]
fn a_folder_that_grows_leaves_its_pictures_on_their_side() {
    let dir = folder(40);
    let read = |table: Table| levels(&open("folder", "dir", dir.path(), keys(table)).unwrap());
    let by_hash = || toml::toml! { split = "hash" };
    let shuffled = || toml::toml! { split = "shuffled" };
    let (hashed, permuted) = (read(by_hash()), read(shuffled()));
    // Six standard deviations of √(40 · 0.25 · 0.75) would leave nothing.
    assert!((3..=20).contains(&hashed[2].len()), "{hashed:?}");
    assert_eq!(permuted[2].len(), 10);
    put(dir.path(), 200..240);
    let old = |splits: [Vec<u8>; 3]| {
        splits.map(|mut levels| {
            levels.retain(|level| *level < 40);
            levels
        })
    };
    assert_eq!(old(read(by_hash())), hashed);
    assert_ne!(old(read(shuffled())), permuted);
}

#[test]
fn the_default_is_by_hash_of_seed_and_path() {
    let dir = tempdir().unwrap();
    put(&dir.path().join("a"), 0..30);
    put(&dir.path().join("b/deep"), 30..60);
    for seed in [0u64, 7] {
        let mut keys = keys(Table::new());
        keys.insert("seed".to_owned(), (seed as i64).into());
        let [_, _, test] = levels(&open("folder", "dir", dir.path(), keys).unwrap());
        let mut expected = Vec::new();
        for number in 0..60u8 {
            let class = if number < 30 { "a" } else { "b/deep" };
            let path = format!("{class}/{number:03}.png");
            let hash = Sha256::new_with_prefix(seed.to_le_bytes())
                .chain_update(path)
                .finalize();
            let share = hash
                .iter()
                .take(8)
                .rfold(0.0, |share, byte| (share + f64::from(*byte)) / 256.0);
            if share < 0.25 {
                expected.push(number);
            }
        }
        assert_eq!(test, expected, "seed {seed}");
    }
}

#[test]
fn validation_images_stay_held_out_when_a_folder_grows() {
    let dir = folder(40);
    let read = || {
        let further = toml::toml! { validation = 8 };
        levels(&open("folder", "dir", dir.path(), keys(further)).unwrap())
    };
    let before = read();
    assert_eq!(before[1].len(), 8);
    put(dir.path(), 40..41);
    let after = read();
    let left = before[1].iter().filter(|level| !after[1].contains(level));
    // One new image pushes one old image out, at most.
    assert!(left.count() <= 1);
    assert!(before[2].iter().all(|level| after[2].contains(level)));
}

#[test]
fn an_empty_side_is_refused_with_a_fraction_that_works() {
    let mut refused = 0;
    for count in 1..15 {
        let dir = folder(count);
        let with = |fraction: f64| {
            let keys = keys(toml::toml! { seed = 3 });
            let fraction = Table::from_iter([("test_fraction".to_owned(), fraction.into())]);
            let keys = keys.into_iter().chain(fraction).collect();
            open("folder", "dir", dir.path(), keys)
        };
        assert_eq!(with(0.0).unwrap().len(Split::Test), 0);
        let Err(error) = with(0.1) else { continue };
        refused += 1;
        let message = error.to_string();
        assert!(
            message.starts_with("`data.test_fraction`: is 0.1, and leaves none"),
            "{message}"
        );
        let (_, advice) = message.split_once("; ").unwrap();
        if count == 1 {
            assert_eq!(advice, "add images: no fraction puts some on both sides");
            continue;
        }
        let (fraction, _) = advice.split_once(' ').unwrap();
        let fraction: f64 = fraction.parse().unwrap();
        assert_ne!(fraction, 0.1);
        let opened = with(fraction).unwrap();
        assert!(opened.len(Split::Test) > 0 && opened.len(Split::Train) > 0);
    }
    assert!(refused >= 3, "{refused}");
}

#[test]
fn each_class_is_split_where_that_is_wanted() {
    let dir = tempdir().unwrap();
    put(&dir.path().join("a"), 0..40);
    put(&dir.path().join("b"), 40..48);
    let further = toml::toml! { stratified = true };
    let dataset = open("folder", "dir", dir.path(), keys(further)).unwrap();
    let classes = &dataset.summary().classes;
    let counts: Vec<_> = classes
        .iter()
        .map(|class| (&*class.name, class.train, class.test))
        .collect();
    assert_eq!(counts, [("a", 30, 10), ("b", 6, 2)]);
    let flat = folder(8);
    let message = open(
        "folder",
        "dir",
        flat.path(),
        keys(toml::toml! { stratified = true }),
    );
    let message = message.unwrap_err().to_string();
    assert!(
        message.starts_with("`data.stratified`: splits by class"),
        "{message}"
    );
}

#[test]
fn an_older_run_keeps_its_rows_its_levels_and_its_hash() {
    let dir = tempdir().unwrap();
    let mut hashes = BTreeMap::new();
    for class in ["a", "b"] {
        for number in 0..5u8 {
            let name = format!("{class}/{number}.png");
            let file = dir.path().join(&name);
            fs::create_dir_all(dir.path().join(class)).unwrap();
            // Red below half of an alpha that was dropped.
            let colour = image::Rgba([10 * number + 100, 0, 0, 128]);
            image::RgbaImage::from_pixel(1, 1, colour)
                .save(&file)
                .unwrap();
            let hash = Sha256::digest(fs::read(&file).unwrap());
            let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            hashes.insert(name, hash);
        }
    }
    // What came later, and did not count then.
    put(&dir.path().join("a/more"), 0..1);
    let mut table = toml::toml! { name = "folder" size = 1 channels = 1 test_fraction = 0.3 };
    table.insert("dir".to_owned(), dir.path().to_str().unwrap().into());
    keep_older_meaning(&mut table);
    let dataset = Dataset::open(&DataConfig::from_table(&table).unwrap()).unwrap();
    // The weight of red was 0.2126; the rows are those that the program held out then.
    let level = |number: u32| (((10 * number + 100) * 2126 + 5_000) / 10_000) as u8;
    let levels = levels(&dataset);
    let expected = |rows: &[u32]| rows.iter().map(|row| level(row % 5)).collect::<Vec<u8>>();
    assert_eq!(levels[0], expected(&[1, 2, 4, 5, 6, 8, 9]));
    assert_eq!(levels[2], expected(&[0, 3, 7]));
    let lines: String = hashes
        .iter()
        .map(|(name, hash)| format!("{hash}  {name}\n"))
        .collect();
    let hash = Sha256::digest(lines);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(dataset.fingerprints(), [("folder".to_owned(), hash)]);
}
