//! Who may depend on whom: the arrows of docs/ARCHITECTURE.md, none of which points up.

use super::Violation;
use crate::workspace::Workspace;

/// Each crate with the workspace crates that it may depend on.
const ARROWS: [(&str, &[&str]); 14] = [
    ("latentlab-tensor", &[]),
    ("latentlab-losses", &["latentlab-tensor"]),
    ("latentlab-core", &["latentlab-tensor"]),
    (
        "latentlab-models",
        &["latentlab-core", "latentlab-losses", "latentlab-tensor"],
    ),
    ("latentlab-data", &["latentlab-core", "latentlab-tensor"]),
    ("latentlab-train", &["latentlab-core", "latentlab-tensor"]),
    (
        "latentlab-metrics",
        &["latentlab-core", "latentlab-losses", "latentlab-tensor"],
    ),
    (
        "latentlab-experiment",
        &[
            "latentlab-core",
            "latentlab-data",
            "latentlab-losses",
            "latentlab-metrics",
            "latentlab-models",
            "latentlab-tensor",
            "latentlab-train",
        ],
    ),
    // What tests share; no crate has it but for its tests.
    ("latentlab-testing", &[]),
    ("latentlab-benches", ALL),
    ("latentlab-claims", ALL),
    (
        "latentlab-fuzz",
        &[
            "latentlab-core",
            "latentlab-data",
            "latentlab-experiment",
            "latentlab-models",
            "latentlab-tensor",
            "latentlab-train",
        ],
    ),
    (
        "latentlab-torture",
        &[
            "latentlab-core",
            "latentlab-example-denoising",
            "latentlab-experiment",
            "latentlab-models",
            "latentlab-tensor",
            "latentlab-train",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that measure what the others do, and that none depends on.
const ALL: &[&str] = &[
    "latentlab-core",
    "latentlab-data",
    "latentlab-experiment",
    "latentlab-losses",
    "latentlab-metrics",
    "latentlab-models",
    "latentlab-tensor",
    "latentlab-train",
];

/// An outside crate with its own model has the arrows of latentlab-models, and a binary that trains
/// it beside the built-in models.
const EXAMPLE_ARROWS: &[&str] = &[
    "latentlab-core",
    "latentlab-experiment",
    "latentlab-losses",
    "latentlab-models",
    "latentlab-tensor",
    "latentlab-train",
];

/// The crates that make a program, where errors are for reading and not for matching.
const PROGRAMS: [&str; 2] = ["latentlab-experiment", "xtask"];

/// Crates of the workspace depend only on those below them; tests may reach further.
pub fn between_crates(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        let manifest = package.manifest();
        let Some(allowed) = allowed(&package.name) else {
            let problem = format!(
                "the crate `{}` has no arrows: say what it may depend on in {}",
                package.name,
                file!()
            );
            violations.push(Violation::at_word(workspace, &manifest, "name", problem));
            continue;
        };
        for dependency in package
            .normal_dependencies()
            .map(|dependency| &dependency.name)
        {
            let is_member = workspace
                .packages
                .iter()
                .any(|member| member.name == *dependency);
            if is_member && !allowed.contains(&dependency.as_str()) {
                let problem = format!(
                    "`{}` must not depend on `{dependency}`: move what it needs into a crate below both",
                    package.name
                );
                violations.push(Violation::at_word(
                    workspace, &manifest, dependency, problem,
                ));
            }
        }
    }
    violations
}

/// The task runner links no tensor code, and only programs use `anyhow`.
pub fn to_outside_crates(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &workspace.packages {
        for dependency in &package.dependencies {
            let problem = match dependency.name.as_str() {
                name if name.starts_with("candle") && package.name == "xtask" => {
                    "xtask must build in seconds: start `latentlab` instead of linking candle"
                }
                "anyhow" if !PROGRAMS.contains(&package.name.as_str()) => {
                    "a library returns errors that can be matched: use thiserror instead of anyhow"
                }
                _ => continue,
            };
            let manifest = package.manifest();
            let problem = problem.to_owned();
            violations.push(Violation::at_word(
                workspace,
                &manifest,
                &dependency.name,
                problem,
            ));
        }
    }
    violations
}

fn allowed(package: &str) -> Option<&'static [&'static str]> {
    if package.starts_with("latentlab-example-") {
        return Some(EXAMPLE_ARROWS);
    }
    ARROWS
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, allowed)| *allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    fn workspace(packages: Vec<Package>) -> Workspace {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\nlatentlab-train.workspace = true";
        let mut workspace = Workspace::of_files(&[("crates/x/Cargo.toml", manifest)]);
        workspace.packages = packages;
        workspace
    }

    #[test]
    fn a_model_must_not_know_the_trainer() {
        let violations = between_crates(&workspace(vec![
            Package::made_up("latentlab-models", "crates/x", &["latentlab-train"]),
            Package::made_up("latentlab-train", "crates/y", &[]),
        ]));
        let [violation] = &violations[..] else {
            panic!("{violations:?}")
        };
        assert_eq!(violation.place, "crates/x/Cargo.toml:4");
        assert!(
            violation
                .problem
                .contains("must not depend on `latentlab-train`")
        );
    }

    #[test]
    fn tests_may_reach_further() {
        let mut models = Package::made_up("latentlab-models", "crates/x", &["latentlab-train"]);
        models.dependencies[0].kind = Some("dev".to_owned());
        let train = Package::made_up("latentlab-train", "crates/y", &[]);
        assert!(between_crates(&workspace(vec![models, train])).is_empty());
    }

    #[test]
    fn arrows_that_point_down_are_fine() {
        let violations = between_crates(&workspace(vec![
            Package::made_up(
                "latentlab-experiment",
                "crates/x",
                &["latentlab-train", "clap"],
            ),
            Package::made_up(
                "latentlab-example-flow",
                "crates/z",
                &["latentlab-experiment"],
            ),
            Package::made_up("latentlab-train", "crates/y", &["candle-core"]),
        ]));
        assert!(violations.is_empty(), "{violations:?}");
    }

    #[test]
    fn a_crate_without_arrows_is_named() {
        let violations = between_crates(&workspace(vec![Package::made_up(
            "latentlab-web",
            "crates/x",
            &[],
        )]));
        assert!(
            violations[0]
                .problem
                .contains("`latentlab-web` has no arrows")
        );
    }

    #[test]
    fn the_table_has_no_cycle() {
        fn depth(package: &str, path: &mut Vec<String>) {
            assert!(
                !path.iter().any(|above| above == package),
                "{path:?} leads back to {package}"
            );
            path.push(package.to_owned());
            for below in allowed(package).unwrap() {
                depth(below, path);
            }
            path.pop();
        }
        for (package, _) in ARROWS {
            depth(package, &mut Vec::new());
        }
    }

    #[test]
    fn candle_in_xtask_and_anyhow_in_a_library_are_refused() {
        let violations = to_outside_crates(&workspace(vec![
            Package::made_up("xtask", "xtask", &["anyhow", "candle-core"]),
            Package::made_up("latentlab-losses", "crates/x", &["anyhow", "candle-core"]),
            Package::made_up(
                "latentlab-experiment",
                "crates/y",
                &["anyhow", "candle-core"],
            ),
        ]));
        let places: Vec<_> = violations.iter().map(|v| v.place.as_str()).collect();
        assert_eq!(places, ["xtask/Cargo.toml:1", "crates/x/Cargo.toml:1"]);
    }
}
