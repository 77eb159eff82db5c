//! Readers of data: arrays and pictures.

use latentlab_data::{DataConfig, Dataset};
use toml::Table;

use crate::{Scratch, seeds};

/// The other three files of a set of two images are right.
pub fn idx(bytes: &[u8], scratch: &Scratch) -> bool {
    let (name, right) = match bytes.get(3) {
        Some(1) => (seeds::IDX_LABELS, seeds::labels()),
        _ => (seeds::IDX_IMAGES, seeds::images()),
    };
    scratch.write(&format!("idx/{name}"), bytes);
    let accepted = open(scratch, "idx", "dir", "idx");
    scratch.write(&format!("idx/{name}"), &right);
    accepted
}

pub fn gzip(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write(&format!("gzip/{}.gz", seeds::IDX_IMAGES), bytes);
    open(scratch, "idx", "dir", "gzip")
}

pub fn npz(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("data.npz", bytes);
    open(scratch, "npz", "path", "data.npz")
}

pub fn npy(bytes: &[u8], scratch: &Scratch) -> bool {
    npz(&seeds::zipped("images", bytes), scratch)
}

pub fn png(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("png/one.png", &seeds::with_right_sums(bytes));
    open(scratch, "folder", "dir", "png")
}

pub fn alpha(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("alpha/one.png", &seeds::with_right_sums(bytes));
    let keys = toml::toml! { background = "keep" fit = "pad" height = 8 width = 16 };
    open_with(scratch, "folder", "dir", "alpha", keys)
}

pub fn jpeg(bytes: &[u8], scratch: &Scratch) -> bool {
    scratch.write("jpeg/one.jpg", bytes);
    open(scratch, "folder", "dir", "jpeg")
}

/// Opens data, of which `key` names what was written as `name`.
fn open(scratch: &Scratch, source: &str, key: &str, name: &str) -> bool {
    open_with(scratch, source, key, name, Table::new())
}

/// The same with further keys. All images are to train on: one alone cannot be split.
fn open_with(scratch: &Scratch, source: &str, key: &str, name: &str, keys: Table) -> bool {
    let mut table = keys;
    table.insert("test_fraction".to_owned(), 0.0.into());
    let path = scratch.path(name).display().to_string();
    table.insert("name".to_owned(), source.into());
    table.insert(key.to_owned(), path.into());
    let config = DataConfig::from_table(&table).expect("the source has this key");
    Dataset::open(&config).is_ok()
}
