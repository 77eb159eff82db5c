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
        write_comment(text, place.property(key));
        text.push_str(&format!("{key} = {value}\n"));
    }
    for key in place.optional().filter(|key| !table.contains_key(*key)) {
        write_comment(text, place.property(key));
        text.push_str(&format!("# {key} is not set\n"));
    }
    for (key, value) in table {
        let Value::Table(below) = value else { continue };
        let path = match path {
            "" => key.clone(),
            path => format!("{path}.{key}"),
        };
        let inner = place.property(key);
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
    /// The schema of the property `key`, wherever the node keeps its properties.
    fn property(self, key: &str) -> Self {
        let node = self.candidates().into_iter().find_map(|node| {
            let properties = node.get("properties")?;
            properties.get(key)
        });
        Self {
            root: self.root,
            node,
        }
    }

    /// The properties that need not be there: those that may be null.
    fn optional(self) -> impl Iterator<Item = &'a String> {
        let nodes = self.candidates().into_iter();
        let properties = nodes.filter_map(|node| node.get("properties")?.as_object());
        let nullable = |schema: &Json| {
            let choices = schema.get("anyOf").and_then(Json::as_array);
            let types = schema.get("type").and_then(Json::as_array);
            let null = |choice: &Json| choice["type"] == "null" || *choice == "null";
            choices.into_iter().chain(types).flatten().any(null)
        };
        let optional = properties
            .flatten()
            .filter(move |(_, schema)| nullable(schema));
        optional.map(|(key, _)| key)
    }

    fn description(self) -> Option<&'a str> {
        let nodes = self.candidates();
        let mut descriptions = nodes.iter().filter_map(|node| node.get("description"));
        descriptions.next()?.as_str()
    }

    /// The node, and what it refers to or is a choice of, in order.
    fn candidates(self) -> Vec<&'a Json> {
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
                found.extend(inner.into_iter().flatten());
            }
        }
        found
    }
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
}
