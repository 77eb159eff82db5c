//! Tables of an experiment file: laid over each other, and read into what they configure.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::{Error, Result, nearest};

/// Lays `over` upon `base`, table by table; any other value replaces what was there.
pub fn merge(base: &mut Table, over: &Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Reads the table that stands below `field` in an experiment file (the file itself, for an empty one).
///
/// # Errors
/// For an unknown key and a value of the wrong type, by its whole path and in words of the file.
pub fn from_table<C: DeserializeOwned>(field: &str, table: Table) -> Result<C> {
    serde_path_to_error::deserialize(Value::Table(table)).map_err(|error| {
        let message = error.inner().message();
        let mut path = match (field, error.path().to_string()) {
            ("", path) if path == "." => "file".to_owned(),
            ("", path) => path,
            (field, path) if path == "." => field.to_owned(),
            (field, path) => format!("{field}.{path}"),
        };
        // Of a table whose kind decides its keys, serde tells the path of the table alone.
        if let Some((key, _)) = unknown_key(message)
            && path.rsplit('.').next() != Some(key)
        {
            path = match path.as_str() {
                "file" => key.to_owned(),
                table => format!("{table}.{key}"),
            };
        }
        Error::config(path, in_words(message))
    })
}

/// What serde says of types, for people who write files and not Rust.
fn in_words(message: &str) -> String {
    if let Some((key, known)) = unknown_key(message) {
        let meant = nearest(key, known.iter().copied());
        let meant = meant.map(|name| format!(", did you mean `{name}`?"));
        let (meant, known) = (meant.unwrap_or_default(), known.join(", "));
        return format!("there is no such key{meant}; known: {known}");
    }
    let Some((found, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let expected = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "string only" => return "must be one of the names that `describe` lists".to_owned(),
        other => other,
    };
    format!("{found}, expected {expected}")
}

/// The key that serde does not know, and those it does.
fn unknown_key(message: &str) -> Option<(&str, Vec<&str>)> {
    let (key, known) = message
        .strip_prefix("unknown field `")?
        .split_once("`, expected ")?;
    // Every second piece stands between quotes.
    Some((key, known.split('`').skip(1).step_by(2).collect()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Layer {
        units: usize,
        rate: f64,
        norm: Norm,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Norm {
        Batch,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
    #[allow(dead_code)]
    enum Plan {
        Flat { warmup: u64 },
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Rate {
        plan: Plan,
    }

    #[test]
    fn a_key_that_another_kind_of_table_has_is_told_by_its_whole_path() {
        let table = "plan = { name = 'flat', warmup = 3, final = 0.1 }"
            .parse()
            .unwrap();
        let error = from_table::<Rate>("rate", table).unwrap_err().to_string();
        let message = "`rate.plan.final`: there is no such key; known: warmup";
        assert!(error.contains(message), "{error}");
    }

    fn refusal(field: &str, text: &str) -> String {
        let table = text.parse().expect("valid TOML");
        from_table::<Layer>(field, table).unwrap_err().to_string()
    }

    #[test]
    fn wrong_values_are_told_by_path_and_without_names_of_rust_types() {
        let whole = "units = 1\nrate = 1.0\nnorm = 'batch'\n";
        assert!(from_table::<Layer>("layer", whole.parse().unwrap()).is_ok());
        for (field, text, message) in [
            (
                "layer",
                "units = -3",
                "`layer.units`: invalid value: integer `-3`, expected a whole number, at least 0",
            ),
            (
                "",
                "rate = 'fast'",
                "`rate`: invalid type: string \"fast\", expected a number",
            ),
            ("layer", "units = 1", "`layer`: missing field `rate`"),
            (
                "layer",
                "unit = 1",
                "`layer.unit`: there is no such key, did you mean `units`?; known: units, rate, norm",
            ),
            (
                "layer",
                "norm = 3",
                "`layer.norm`: must be one of the names that `describe` lists",
            ),
        ] {
            assert_eq!(refusal(field, text), message);
        }
    }
}
