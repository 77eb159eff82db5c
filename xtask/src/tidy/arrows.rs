//! Who may depend on whom: the arrows of docs/ARCHITECTURE.md, none of which points up.

use super::Violation;
use crate::workspace::Workspace;

/// Each crate with those of the workspace that it may depend on, all without `latentlab-`: from the
/// bottom up, so that no arrow points up.
const ARROWS: &[(&str, &[&str])] = &[
    ("kernels", &[]),
    ("mnist", &[]),
    ("shapes", &[]),
    ("testing", &[]),
    ("tensor", &["kernels"]),
    ("core", &["tensor"]),
    ("losses", &["kernels", "tensor"]),
    ("nn", &["core", "tensor"]),
    ("optim", &["core", "kernels", "tensor"]),
    ("data", &["core", "kernels", "mnist", "shapes", "tensor"]),
    ("metrics", &["core", "kernels", "losses", "tensor"]),
    ("models", &["core", "losses", "nn", "tensor"]),
    ("train", &["core", "optim", "tensor"]),
    (
        "evaluate",
        &["core", "data", "metrics", "models", "tensor", "train"],
    ),
    (
        "run",
        &[
            "core", "data", "evaluate", "models", "optim", "tensor", "train",
        ],
    ),
    (
        "report",
        &[
            "core", "data", "evaluate", "run", "metrics", "tensor", "train",
        ],
    ),
    (
        "cli",
        &[
            "core", "data", "evaluate", "run", "metrics", "models", "optim", "report", "tensor",
            "train",
        ],
    ),
    (
        "fuzz",
        &[
            "cli", "core", "data", "evaluate", "run", "models", "tensor", "train",
        ],
    ),
    (
        "torture",
        &[
            "cli",
            "core",
            "example-denoising",
            "run",
            "models",
            "report",
            "tensor",
            "train",
        ],
    ),
    ("benches", ALL),
    ("claims", ALL),
    ("xtask", &[]),
];

/// Crates that measure what the others do, and that none depends on.
const ALL: &[&str] = &[
    "cli", "core", "data", "evaluate", "run", "kernels", "losses", "metrics", "mnist", "models",
    "nn", "optim", "report", "shapes", "tensor", "train",
];

/// An outside crate with its own model has the arrows of latentlab-models, and a binary that trains
/// it beside the built-in models.
const EXAMPLE_ARROWS: &[&str] = &[
    "cli", "core", "run", "losses", "models", "nn", "tensor", "train",
];

/// The crates that make a program, where errors are for reading and not for matching.
const PROGRAMS: [&str; 2] = ["latentlab-cli", "xtask"];

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
            if is_member && !allowed.contains(&short(dependency)) {
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
    let package = short(package);
    if package.starts_with("example-") {
        return Some(EXAMPLE_ARROWS);
    }
    let mut arrows = ARROWS.iter();
    arrows.find_map(|(name, allowed)| (*name == package).then_some(*allowed))
}

/// The name of a crate without what all have in common.
fn short(package: &str) -> &str {
    package.strip_prefix("latentlab-").unwrap_or(package)
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
            Package::made_up("latentlab-cli", "crates/x", &["latentlab-train", "clap"]),
            Package::made_up("latentlab-example-flow", "crates/z", &["latentlab-cli"]),
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
    fn no_arrow_points_up() {
        for (place, (package, allowed)) in ARROWS.iter().enumerate() {
            let below: Vec<&str> = ARROWS[..place].iter().map(|(name, _)| *name).collect();
            for name in allowed.iter().filter(|name| !name.starts_with("example-")) {
                assert!(
                    below.contains(name),
                    "{package} depends on {name}, which is not below it"
                );
            }
        }
    }

    #[test]
    fn candle_in_xtask_and_anyhow_in_a_library_are_refused() {
        let violations = to_outside_crates(&workspace(vec![
            Package::made_up("xtask", "xtask", &["anyhow", "candle-core"]),
            Package::made_up("latentlab-losses", "crates/x", &["anyhow", "candle-core"]),
            Package::made_up("latentlab-cli", "crates/y", &["anyhow", "candle-core"]),
        ]));
        let places: Vec<_> = violations.iter().map(|v| v.place.as_str()).collect();
        assert_eq!(places, ["xtask/Cargo.toml:1", "crates/x/Cargo.toml:1"]);
    }
}
