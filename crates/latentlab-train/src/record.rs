//! What is known of one step: names to numbers.

use std::collections::BTreeMap;

/// The numbers of one step, by name (`generator/loss`). One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Number of the step, from 1.
    pub step: u64,
    /// Time spent training when the step ended, in seconds.
    pub elapsed_s: f64,
    values: BTreeMap<String, f64>,
}

impl Record {
    /// A record without numbers.
    pub fn new(step: u64, elapsed_s: f64) -> Self {
        Self {
            step,
            elapsed_s,
            values: BTreeMap::new(),
        }
    }

    /// Adds a number, or replaces the one of this name.
    pub fn insert(&mut self, name: impl Into<String>, value: f64) {
        self.values.insert(name.into(), value);
    }

    /// The number of this name.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// All numbers, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
    }

    /// Whether no observer has added a number.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
