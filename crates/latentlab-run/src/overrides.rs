//! Overrides of an experiment file: `--set key.path=value` as a table to lay over it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::{Error, Result};

/// Parts of a key, at most: more than any experiment file nests, and few enough to follow.
const DEEPEST: usize = 32;

/// The table that `assignment` ("optimizers.generator.lr=2e-4") stands for.
///
/// The value is read as TOML; what is no TOML value is taken as a string, so that
/// `--set data.name=mnist` needs no quotes.
pub fn parse_assignment(assignment: &str) -> Result<Table> {
    let wrong = |problem: &str| {
        Error::Argument(format!(
            "--set {assignment:.200}: {problem}; write it as key.path=value, for example \
             --set model.config.latent=10"
        ))
    };
    let (path, text) = assignment
        .split_once('=')
        .ok_or_else(|| wrong("there is no `=`"))?;
    let text = text.trim();
    let value = match format!("value = {text}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => None,
    };
    if value.is_none() && text.starts_with(['[', '{', '"', '\'']) {
        return Err(wrong("the value begins like TOML but is none"));
    }
    let value = value.unwrap_or_else(|| Value::String(text.to_owned()));
    let keys: Vec<&str> = path.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(wrong("a key is empty"));
    }
    if keys.len() > DEEPEST {
        return Err(Error::Argument(format!(
            "--set: a key of {} parts is deeper than any; there are at most {DEEPEST}",
            keys.len()
        )));
    }
    let mut nested = value;
    for key in keys.into_iter().rev() {
        nested = Value::Table(Table::from_iter([(key.to_owned(), nested)]));
    }
    match nested {
        Value::Table(table) => Ok(table),
        _ => Err(wrong("there is no key")),
    }
}

/// Every value of `table` by its dotted path, in order.
pub fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut flat = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(below) => flat.extend(
                flatten(below)
                    .into_iter()
                    .map(|(path, value)| (format!("{key}.{path}"), value)),
            ),
            value => flat.push((key.clone(), value.clone())),
        }
    }
    flat
}

/// The keys that have not the same value in all of several experiments, sorted.
pub fn differing_keys(configs: &[BTreeMap<String, Value>]) -> Vec<String> {
    let keys: BTreeSet<&String> = configs.iter().flat_map(BTreeMap::keys).collect();
    let differs = |key: &&String| {
        let mut values = configs.iter().map(|config| config.get(*key));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    keys.into_iter().filter(differs).cloned().collect()
}

/// One value that two experiments do not share.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The dotted path of the key.
    pub key: String,
    /// The first experiment's value as TOML, or "unset".
    pub before: String,
    /// The second experiment's value as TOML, or "unset".
    pub after: String,
}

/// The values in which two experiments differ, by path.
pub fn differences(before: &Table, after: &Table) -> Vec<Difference> {
    let (before, after) = (flatten(before), flatten(after));
    let show = |flat: &[(String, Value)], key: &str| {
        let found = flat.iter().find(|(other, _)| other == key);
        found.map_or("unset".to_owned(), |(_, value)| value.to_string())
    };
    let mut keys: Vec<&String> = before.iter().chain(&after).map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .map(|key| Difference {
            before: show(&before, key),
            after: show(&after, key),
            key: key.clone(),
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dotted_path_becomes_nested_tables() {
        let table = parse_assignment("model.config.hidden=[400, 200]").unwrap();
        assert_eq!(table, toml::toml! { model.config.hidden = [400, 200] });
    }

    #[test]
    fn a_bare_word_is_a_string_and_a_number_is_a_number() {
        assert_eq!(
            parse_assignment("data.name=mnist").unwrap(),
            toml::toml! { data.name = "mnist" }
        );
        assert_eq!(
            parse_assignment("optimizer.lr=2e-4").unwrap(),
            toml::toml! { optimizer.lr = 2e-4 }
        );
    }

    #[test]
    fn an_assignment_without_a_value_or_a_key_says_how_to_write_one() {
        for wrong in ["seed", "=3", "a..b=1", "a=[1,2"] {
            let message = parse_assignment(wrong).unwrap_err().to_string();
            assert!(message.contains("key.path=value"), "{message}");
        }
    }

    #[test]
    fn differences_name_key_and_both_values() {
        let before = toml::toml! { seed = 1
        model.name = "ae" };
        let after = toml::toml! { seed = 2
        model.name = "ae"
        steps = 5 };
        let found = differences(&before, &after);
        let keys: Vec<_> = found.iter().map(|d| d.key.as_str()).collect();
        assert_eq!(keys, ["seed", "steps"]);
        assert_eq!(found[1].before, "unset");
    }
}
