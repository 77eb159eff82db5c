//! No model is forgotten: each implementation of `ModelSpec` is registered by its crate.

use std::collections::BTreeSet;

use super::{Violation, rust_code};
use crate::workspace::{File, Workspace};

/// Each type with an `impl ModelSpec for` it in the sources of a crate stands in an `.add::<..>` there.
pub fn is_complete(workspace: &Workspace) -> Vec<Violation> {
    let registered: BTreeSet<(String, String)> = sources(workspace)
        .flat_map(|(folder, file)| {
            let added = types_after(file, ".add::<");
            added
                .into_iter()
                .map(move |(_, name)| (folder.to_owned(), name))
        })
        .collect();
    sources(workspace)
        .flat_map(|(folder, file)| {
            let specs = types_after(file, "ModelSpec for ");
            specs.into_iter().map(move |(line, name)| (folder, file, line, name))
        })
        .filter(|(folder, _, _, name)| !registered.contains(&(folder.to_string(), name.clone())))
        .map(|(folder, file, line, name)| {
            let problem = format!(
                "the model `{name}` is not registered: add `registry.add::<{name}>()?` to the plugin in {folder}/src/lib.rs"
            );
            Violation::at_line(&file.path, line, problem)
        })
        .collect()
}

/// The Rust files below the `src` of each crate, with the crate's folder.
fn sources(workspace: &Workspace) -> impl Iterator<Item = (&str, &File)> {
    workspace.with_extension("rs").filter_map(|file| {
        let (folder, _) = file.path.split_once("/src/")?;
        folder.starts_with("crates/").then_some((folder, file))
    })
}

/// The names of the types that follow `marker`, without path and parameters, and their lines.
fn types_after(file: &File, marker: &str) -> Vec<(usize, String)> {
    let mut types = Vec::new();
    for (number, line) in rust_code::lines_before_tests(&file.text) {
        for (at, _) in line.match_indices(marker) {
            let path = &line[at + marker.len()..];
            let end = path.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let name = path[..end.unwrap_or(path.len())].rsplit("::").next();
            types.extend(name.map(|name| (number, name.to_owned())));
        }
    }
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODEL: &str =
        "struct Vae;\nimpl ModelSpec for Vae {\n    const NAME: &str = \"vae\";\n}\n";

    fn violations(plugin: &str) -> Vec<Violation> {
        is_complete(&Workspace::of_files(&[
            ("crates/latentlab-models/src/lib.rs", plugin),
            ("crates/latentlab-models/src/vae.rs", MODEL),
        ]))
    }

    #[test]
    fn a_registered_model_is_fine() {
        assert!(violations("registry.add::<vae::Vae>()?;\n").is_empty());
        assert!(violations("registry.add::<Vae>()?;\n").is_empty());
    }

    #[test]
    fn a_forgotten_model_is_found() {
        let violations =
            violations("registry.add::<gan::Gan>()?;\n// registry.add::<vae::Vae>()?;\n");
        let [violation] = &violations[..] else {
            panic!("{violations:?}")
        };
        assert_eq!(violation.place, "crates/latentlab-models/src/vae.rs:2");
        assert!(violation.problem.contains("`registry.add::<Vae>()?`"));
    }

    #[test]
    fn another_crate_does_not_register_it() {
        let workspace = Workspace::of_files(&[
            ("crates/latentlab-models/src/vae.rs", MODEL),
            (
                "crates/latentlab-example-flow/src/lib.rs",
                "registry.add::<Vae>()?;\n",
            ),
        ]);
        assert_eq!(is_complete(&workspace).len(), 1);
    }

    #[test]
    fn a_model_of_the_tests_needs_no_plugin() {
        let text = format!("#[cfg(test)]\nmod tests {{\n{MODEL}}}\n");
        let files = [("crates/latentlab-core/src/registry.rs", text.as_str())];
        assert!(is_complete(&Workspace::of_files(&files)).is_empty());
    }
}
