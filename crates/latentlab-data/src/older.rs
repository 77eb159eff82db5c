//! What the keys of a `[data]` table stand for in a run that is older than they are.

use toml::{Table, Value};

/// What a source did before a key of it existed, as (source, key, value).
fn older() -> [(&'static str, &'static str, Value); 7] {
    [
        ("folder", "split", "shuffled".into()),
        ("folder", "background", "drop".into()),
        ("folder", "orientation", "stored".into()),
        ("folder", "grey", "bt709".into()),
        ("folder", "recursive", false.into()),
        ("npz", "split", "shuffled".into()),
        ("npz", "layout", "nhwc".into()),
    ]
}

/// Lays into the `[data]` table of a run that was made before some keys existed the values that stand
/// for what was done then. Keys that are there stay as they are, so that the table of a run that has
/// all keys is not changed; a file that somebody writes anew takes the defaults instead.
///
/// ```
/// let mut data = toml::toml! { name = "folder" dir = "faces" split = "hash" };
/// latentlab_data::keep_older_meaning(&mut data);
/// assert_eq!(data["grey"].as_str(), Some("bt709"));
/// assert_eq!(data["split"].as_str(), Some("hash"));
/// ```
pub fn keep_older_meaning(data: &mut Table) {
    let Some(name) = data.get("name").and_then(Value::as_str).map(str::to_owned) else {
        return;
    };
    for (source, key, value) in older() {
        if source == name && !data.contains_key(key) {
            data.insert(key.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataConfig;

    #[test]
    fn every_older_meaning_is_a_value_of_its_key_and_not_the_default() {
        for name in ["folder", "npz"] {
            let table = Table::from_iter([("name".to_owned(), Value::from(name))]);
            let new = DataConfig::from_table(&table).unwrap().to_table().unwrap();
            let mut old = table.clone();
            keep_older_meaning(&mut old);
            DataConfig::from_table(&old).unwrap();
            for (_, key, value) in older().into_iter().filter(|(source, ..)| *source == name) {
                assert_eq!(old[key], value, "{name}.{key}");
                assert_ne!(new[key], value, "{name}.{key}");
            }
            // What a run of today has written says all that it means.
            let mut whole = new.clone();
            keep_older_meaning(&mut whole);
            assert_eq!(whole, new);
        }
    }

    #[test]
    fn other_sources_mean_what_they_meant() {
        for table in [toml::toml! { name = "mnist" }, Table::new()] {
            let mut same = table.clone();
            keep_older_meaning(&mut same);
            assert_eq!(same, table);
        }
    }
}
