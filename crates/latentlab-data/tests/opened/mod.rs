//! Opening a source and looking at what it holds.

use std::path::Path;

use candle_core::Device;
use latentlab_data::{DataConfig, Dataset, Result, Split};
use toml::{Table, Value};

/// Opens the source `name` with `key` set to `path`, and the further keys.
pub fn open(name: &str, key: &str, path: &Path, further: Table) -> Result<Dataset> {
    let mut table = further;
    table.insert("name".to_owned(), Value::from(name));
    table.insert(key.to_owned(), Value::from(path.to_str().unwrap()));
    Dataset::open(&DataConfig::from_table(&table)?)
}

/// All pixels of a split.
pub fn values(dataset: &Dataset, split: Split) -> Vec<f32> {
    let indices: Vec<usize> = (0..dataset.len(split)).collect();
    let batch = dataset.images(split, &indices, &Device::Cpu).unwrap();
    batch.images.flatten_all().unwrap().to_vec1().unwrap()
}

/// All pixels of the training images as bytes.
pub fn bytes(dataset: &Dataset) -> Vec<u8> {
    let values = values(dataset, Split::Train);
    values.iter().map(|v| (v * 255.0).round() as u8).collect()
}

/// What was done to the data, in words.
pub fn notes(dataset: &Dataset) -> Vec<String> {
    let notes = dataset.summary().notes.iter();
    notes.map(|note| note.to_string()).collect()
}

/// All labels of a split.
pub fn labels(dataset: &Dataset, split: Split) -> Vec<u32> {
    let indices: Vec<usize> = (0..dataset.len(split)).collect();
    let batch = dataset.images(split, &indices, &Device::Cpu).unwrap();
    batch.labels.unwrap().to_vec1().unwrap()
}
