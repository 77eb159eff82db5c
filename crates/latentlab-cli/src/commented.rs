//! A resolved experiment as TOML with a comment for each key, taken from the doc comments of the
//! configuration types through their JSON schemas.

use serde_json::Value as Json;
use toml::{Table, Value};

/// Schemas of an experiment file, and of the tables in it whose keys depend on a name.
pub struct Schemas {
    /// The file's own keys.
    pub experiment: Json,
    /// Schemas of tables by their path, such as `model.config`.
    pub tables: Vec<(&'static str, Json)>,
}

/// `table` as TOML, each key below its description; optional keys that it lacks, as comments.
pub fn describe(table: &Table, schemas: &Schemas) -> String {
    let mut text = String::new();
    let place = Place {
        root: &schemas.experiment,
        node: Some(&schemas.experiment),
    };
    write_table(&mut text, "", table, place, schemas);
    text
}

/// A node of a schema, with the document that its references point into.
#[derive(Clone, Copy)]
struct Place<'a> {
    root: &'a Json,
    node: Option<&'a Json>,
}

fn write_table(text: &mut String, path: &str, table: &Table, place: Place, schemas: &Schemas) {
    let is_table = |value: &Value| matches!(value, Value::Table(_));
    for (key, value) in table.iter().filter(|(_, value)| !is_table(value)) {
        write_comment(text, place.property(key, table));
        let choices = place.choices(key);
        if !choices.is_empty() {
            text.push_str(&format!("# One of {}.\n", choices.join(", ")));
        }
        text.push_str(&format!("{key} = {value}\n"));
    }
    for key in place.keys(table).filter(|key| !table.contains_key(*key)) {
        write_absent(text, path, key, place.property(key, table));
    }
    for (key, value) in table {
        let Value::Table(below) = value else { continue };
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let inner = place.property(key, table);
        text.push('\n');
        write_comment(text, inner);
        text.push_str(&format!("[{path}]\n"));
        let own = schemas
            .tables
            .iter()
            .find(|(name, _)| *name == path || matches_group(name, &path));
        let inner = match own {
            Some((_, schema)) => Place {
                root: schema,
                node: Some(schema),
            },
            None => inner,
        };
        write_table(text, &path, below, inner, schemas);
    }
}

/// A key that the table lacks, as comments; the keys that are below it, if it is a table.
fn write_absent(text: &mut String, path: &str, key: &str, place: Place) {
    let (item, [open, close]) = match place.items() {
        Some(item) => (item, ["[[", "]]"]),
        None => (place, ["[", "]"]),
    };
    let none = Table::new();
    let keys: Vec<&String> = item.keys(&none).collect();
    if keys.is_empty() {
        write_comment(text, place);
        text.push_str(&format!("# {key} is not set\n"));
        return;
    }
    text.push('\n');
    write_comment(text, place);
    let path = match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    text.push_str(&format!("# {open}{path}{close} is not set; its keys:\n"));
    for key in keys {
        let place = item.property(key, &none);
        let description = place.description().unwrap_or_default().replace('\n', " ");
        text.push_str(format!("#   {key}: {description}").trim_end());
        text.push('\n');
    }
}

/// Whether `name` ends in `.*` and `path` is one level below it.
fn matches_group(name: &str, path: &str) -> bool {
    name.strip_suffix('*').is_some_and(|prefix| {
        path.strip_prefix(prefix)
            .is_some_and(|rest| !rest.contains('.'))
    })
}

fn write_comment(text: &mut String, place: Place) {
    for line in place.description().unwrap_or_default().lines() {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
}

impl<'a> Place<'a> {
    /// The schema of the property `key` of `table`, wherever the node keeps its properties.
    fn property(self, key: &str, table: &Table) -> Self {
        let node = self.candidates(Some(table)).into_iter().find_map(|node| {
            let properties = node.get("properties")?;
            properties.get(key)
        });
        Self {
            root: self.root,
            node,
        }
    }

    /// The keys that `table` may have, each once.
    fn keys(self, table: &Table) -> impl Iterator<Item = &'a String> {
        let nodes = self.candidates(Some(table)).into_iter();
        let properties = nodes.filter_map(|node| node.get("properties")?.as_object());
        let keys = properties.flat_map(|properties| properties.keys());
        let mut keys: Vec<&String> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
    }

    /// The names that `key` can have, where the other keys depend on it.
    fn choices(self, key: &str) -> Vec<&'a str> {
        let nodes = self.candidates(None).into_iter();
        let name = |node: &'a Json| node.get("properties")?.get(key)?.get("const")?.as_str();
        nodes.filter_map(name).collect()
    }

    /// What the elements of an array are.
    fn items(self) -> Option<Self> {
        let mut nodes = self.candidates(None).into_iter();
        let node = nodes.find_map(|node| node.get("items"))?;
        Some(Self {
            root: self.root,
            node: Some(node),
        })
    }

    fn description(self) -> Option<&'a str> {
        let nodes = self.candidates(None);
        let mut descriptions = nodes.iter().filter_map(|node| node.get("description"));
        descriptions.next()?.as_str()
    }

    /// The node, and what it refers to or is a choice of, in order; of choices that are told apart by
    /// a name only those that fit `table`, if one is given.
    fn candidates(self, table: Option<&Table>) -> Vec<&'a Json> {
        let mut found: Vec<&Json> = self.node.into_iter().collect();
        let mut next = 0;
        while let Some(node) = found.get(next).copied() {
            next += 1;
            if let Some(reference) = node.get("$ref").and_then(Json::as_str) {
                let pointer = reference.trim_start_matches('#');
                found.extend(self.root.pointer(pointer));
            }
            for choice in ["allOf", "anyOf", "oneOf"] {
                let inner = node.get(choice).and_then(Json::as_array);
                let inner = inner.into_iter().flatten();
                found.extend(inner.filter(|inner| table.is_none_or(|table| fits(inner, table))));
            }
        }
        found
    }
}

/// Whether `table` has none but the names that the choice `node` is for.
fn fits(node: &Json, table: &Table) -> bool {
    let properties = node.get("properties").and_then(Json::as_object);
    properties.into_iter().flatten().all(|(key, schema)| {
        let wanted = schema.get("const").and_then(Json::as_str);
        let present = table.get(key).and_then(Value::as_str);
        wanted.is_none() || present.is_none() || wanted == present
    })
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;

    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code)] // only its schema is used
    struct Outer {
        /// How many.
        count: u64,
        /// What is inside.
        inner: Option<Inner>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    #[serde(tag = "name", rename_all = "snake_case")]
    enum Rule {
        /// Down.
        Sgd {
            /// Steps back.
            momentum: f64,
        },
        /// Down and round.
        Adam {
            /// Steps back, squared.
            beta2: Option<f64>,
        },
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Inner {
        /// How fast.
        lr: f64,
        /// How far.
        limit: Option<f64>,
    }

    #[test]
    fn each_key_stands_below_its_doc_comment() {
        let table = toml::toml! { count = 3
        inner.lr = 0.5 };
        let schemas = Schemas {
            experiment: schemars::schema_for!(Outer).to_value(),
            tables: Vec::new(),
        };
        assert_eq!(
            describe(&table, &schemas),
            "# How many.\ncount = 3\n\n# What is inside.\n[inner]\n# How fast.\nlr = 0.5\n\
             # How far.\n# limit is not set\n"
        );
    }
    #[test]
    fn the_keys_are_those_of_the_choice_that_was_made_and_all_choices_are_named() {
        let schemas = Schemas {
            experiment: schemars::schema_for!(Rule).to_value(),
            tables: Vec::new(),
        };
        let table = toml::toml! { name = "adam" };
        assert_eq!(
            describe(&table, &schemas),
            "# One of sgd, adam.\nname = \"adam\"\n# Steps back, squared.\n# beta2 is not set\n"
        );
    }

    #[test]
    fn tables_that_are_not_set_are_shown_with_their_keys() {
        let schemas = Schemas {
            experiment: schemars::schema_for!(Outer).to_value(),
            tables: Vec::new(),
        };
        let text = describe(&toml::toml! { count = 3 }, &schemas);
        let end = "\n# What is inside.\n# [inner] is not set; its keys:\n#   limit: How far.\n#   lr: \
                   How fast.\n";
        assert!(text.ends_with(end), "{text}");
    }
}
