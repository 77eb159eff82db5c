//! The `[data]` table of an experiment: a source by name, its own keys, and the keys of all.

use std::collections::BTreeSet;

use latentlab_core::{Error, Result, from_table};
use schemars::{JsonSchema, Schema, schema_for};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::{
    Binarise, Source,
    source::{did_you_mean, known_sources, schema, unknown_source},
};

/// Where data come from and what is done to them.
///
/// ```
/// use latentlab_data::DataConfig;
/// let config = DataConfig::from_table(&toml::toml! { name = "mnist" binarise = "static" })?;
/// assert_eq!(config.to_table()?["validation"].as_integer(), Some(0));
/// # Ok::<(), latentlab_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct DataConfig {
    /// The source, with its own keys.
    pub source: Source,
    /// The keys that every source has.
    pub options: Options,
}

/// The keys that every source has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Whether grey levels become 0 or 1: "none", "static" (drawn once) or "dynamic" (drawn anew
    /// each time an image is trained on). Only for values in [0, 1].
    pub binarise: Binarise,
    /// Whether half of the training images, chosen at random each time, are mirrored left to right.
    pub flip: bool,
    /// Pixels by which training images are moved at random each time, at most, along both axes;
    /// what comes in at the border is 0. Only for values in [0, 1].
    pub shift: usize,
    /// Number of images held out of the training set, chosen at random; where the test images are
    /// chosen by hash, those with the lowest hashes, so that an image that is added moves one at most.
    pub validation: usize,
    /// Threads that prepare batches ahead; 0 prepares them when they are asked for. The batches are
    /// the same for any number.
    pub workers: usize,
    /// Seed of what is random about the data set itself: synthetic samples, the images held out,
    /// static binarisation. It is apart from the run's seed, so that all runs see the same data.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            binarise: Binarise::None,
            flip: false,
            shift: 0,
            validation: 0,
            workers: 1,
            seed: 0,
        }
    }
}

impl DataConfig {
    /// Reads a `[data]` table; keys that it leaves out take their defaults.
    ///
    /// # Errors
    /// For an unknown source, an unknown key or a value of the wrong type, naming the key and the
    /// valid ones.
    pub fn from_table(table: &Table) -> Result<Self> {
        let name = match table.get("name") {
            Some(Value::String(name)) => name.as_str(),
            Some(other) => {
                let problem = format!("is {other}, expected the name of a source");
                return Err(Error::config("data.name", problem));
            }
            None => {
                let problem = format!("missing; known sources: {}", known_sources());
                return Err(Error::config("data.name", problem));
            }
        };
        let valid = keys_of(&schema(name)?);
        let common = keys_of(&schema_for!(Options));
        let (mut own_keys, mut common_keys) = (Table::new(), Table::new());
        for (key, value) in table.iter().filter(|(key, _)| *key != "name") {
            if !valid.contains(key) {
                return Err(unknown_key(name, key, &valid));
            }
            let keys = if common.contains(key) {
                &mut common_keys
            } else {
                &mut own_keys
            };
            keys.insert(key.clone(), value.clone());
        }
        let source = match name {
            "mnist" => Source::Mnist(from_table("data", own_keys)?),
            "idx" => Source::Idx(from_table("data", own_keys)?),
            "folder" => Source::Folder(from_table("data", own_keys)?),
            "npz" => Source::Npz(from_table("data", own_keys)?),
            "ring" => Source::Ring(from_table("data", own_keys)?),
            "grid" => Source::Grid(from_table("data", own_keys)?),
            "spiral" => Source::Spiral(from_table("data", own_keys)?),
            "dice" => Source::Dice(from_table("data", own_keys)?),
            "shapes" => Source::Shapes(from_table("data", own_keys)?),
            _ => return Err(unknown_source(name)),
        };
        Ok(Self {
            source,
            options: from_table("data", common_keys)?,
        })
    }

    /// The whole table, with the value of every key.
    ///
    /// # Errors
    /// If a value cannot be written as TOML: a path that is not Unicode, or a seed above 2⁶³ − 1.
    pub fn to_table(&self) -> Result<Table> {
        let unwritable = |error: toml::ser::Error| Error::config("data", error.to_string());
        let mut table = Table::try_from(&self.source).map_err(unwritable)?;
        table.extend(Table::try_from(&self.options).map_err(unwritable)?);
        Ok(table)
    }
}

/// The keys that a schema describes, sorted.
fn keys_of(schema: &Schema) -> Vec<String> {
    let properties = schema.get("properties").and_then(|value| value.as_object());
    let keys = properties.into_iter().flat_map(|keys| keys.keys().cloned());
    keys.collect::<BTreeSet<String>>().into_iter().collect()
}

fn unknown_key(name: &str, key: &str, valid: &[String]) -> Error {
    let hint = did_you_mean(key, valid.iter().map(String::as_str));
    let valid = valid.join(", ");
    let problem = format!("the source `{name}` has no such key{hint}; valid: {valid}");
    Error::config(format!("data.{key}"), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::names_and_summaries;

    fn message(table: Table) -> String {
        DataConfig::from_table(&table).unwrap_err().to_string()
    }

    #[test]
    fn every_source_can_be_named_and_written_back() {
        for (name, _) in names_and_summaries() {
            let table = Table::from_iter([("name".to_owned(), Value::from(name))]);
            let config = DataConfig::from_table(&table).unwrap();
            let full = config.to_table().unwrap();
            assert_eq!(full["name"].as_str(), Some(name));
            assert_eq!(full["workers"].as_integer(), Some(1));
            assert_eq!(DataConfig::from_table(&full).unwrap(), config);
        }
    }

    #[test]
    fn a_table_within_survives_being_written() {
        let keys = toml::toml! { name = "npz" path = "x.npz" keys = { images = "a" } };
        let config = DataConfig::from_table(&keys).unwrap();
        let file =
            Table::from_iter([("data".to_owned(), Value::Table(config.to_table().unwrap()))]);
        let read: Table = file.to_string().parse().unwrap();
        let again = DataConfig::from_table(read["data"].as_table().unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn a_source_knows_its_name() {
        for (name, _) in names_and_summaries() {
            let table = Table::from_iter([("name".to_owned(), Value::from(name))]);
            assert_eq!(DataConfig::from_table(&table).unwrap().source.name(), name);
        }
    }

    #[test]
    fn every_key_has_a_description() {
        for (name, _) in names_and_summaries() {
            let schema = schema(name).unwrap();
            let properties = schema.get("properties").unwrap().as_object().unwrap();
            for (key, property) in properties {
                assert!(property.get("description").is_some(), "{name}.{key}");
            }
        }
    }

    #[test]
    fn a_misspelt_source_is_met_with_the_nearest() {
        assert_eq!(
            message(toml::toml! { name = "mnits" }),
            "`data.name`: no source `mnits`, did you mean `mnist`?; known: mnist, idx, folder, \
             npz, ring, grid, spiral, dice, shapes"
        );
    }

    #[test]
    fn a_misspelt_key_is_met_with_the_nearest() {
        assert_eq!(
            message(toml::toml! { name = "mnist" binarize = "static" }),
            "`data.binarize`: the source `mnist` has no such key, did you mean `binarise`?; valid: \
             binarise, flip, seed, shift, validation, workers"
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_its_key() {
        let message = message(toml::toml! { name = "folder" dir = "x" size = "large" });
        assert!(
            message.starts_with("`data.size`: invalid type: string \"large\""),
            "{message}"
        );
    }
}
