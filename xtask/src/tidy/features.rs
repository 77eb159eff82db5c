//! Accelerator features reach every crate: Cargo does not hand them on by itself.

use std::collections::BTreeSet;

use super::Violation;
use crate::workspace::{Package, Workspace};

/// The features that every crate forwards by hand, and that nobody gets without asking.
pub const ACCELERATORS: [&str; 5] = ["accelerate", "cuda", "cudnn", "metal", "mkl"];

/// Every crate below `crates/` that links candle, itself or by others, has each accelerator feature,
/// forwards it to each such crate that it depends on, and has none in its default features.
pub fn are_forwarded(workspace: &Workspace) -> Vec<Violation> {
    let crates = workspace.packages.iter().filter(|package| {
        package.folder().starts_with("crates/") && links_candle(workspace, &package.name)
    });
    crates
        .flat_map(|package| of_package(workspace, package))
        .collect()
}

fn of_package(workspace: &Workspace, package: &Package) -> Vec<Violation> {
    let manifest = package.manifest();
    let violation = |word: &str, problem| Violation::at_word(workspace, &manifest, word, problem);
    let mut violations = Vec::new();
    let by_default = reached_from(package, "default");

    for accelerator in ACCELERATORS {
        let definition = format!("{accelerator} =");
        if by_default.contains(accelerator) {
            let problem = format!("`{accelerator}` is on by default: take it out of `default`");
            violations.push(violation("default =", problem));
        }
        let Some(forwarded) = package.features.get(accelerator) else {
            let problem =
                format!("the feature `{accelerator}` is missing: add `{definition} [..]`");
            violations.push(violation("[features]", problem));
            continue;
        };
        for dependency in package.normal_dependencies() {
            let name = &dependency.name;
            let entry = format!("{name}/{accelerator}");
            if links_candle(workspace, name) && !forwarded.contains(&entry) {
                let problem = format!("`{accelerator}` does not reach `{name}`: add \"{entry}\"");
                violations.push(violation(&definition, problem));
            }
            if dependency
                .features
                .iter()
                .any(|feature| feature == accelerator)
            {
                let problem =
                    format!("`{name}` always has `{accelerator}`: forward it as a feature");
                violations.push(violation(name, problem));
            }
        }
    }
    violations
}

/// Whether a crate is candle's or depends on one that is.
fn links_candle(workspace: &Workspace, name: &str) -> bool {
    if matches!(name, "candle-core" | "candle-nn") {
        return true;
    }
    let mut packages = workspace.packages.iter();
    packages
        .find(|package| package.name == name)
        .is_some_and(|package| {
            let mut dependencies = package.normal_dependencies();
            dependencies.any(|dependency| links_candle(workspace, &dependency.name))
        })
}

/// The package's own features that `feature` turns on, itself included.
fn reached_from<'p>(package: &'p Package, feature: &'p str) -> BTreeSet<&'p str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![feature];
    while let Some(feature) = open.pop() {
        if reached.insert(feature) {
            let next = package.features.get(feature);
            open.extend(next.into_iter().flatten().map(String::as_str));
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(change: impl FnOnce(&mut Package)) -> Vec<String> {
        let dependencies = ["candle-core", "latentlab-tensor", "serde"];
        let mut package = Package::made_up("latentlab-core", "crates/x", &dependencies);
        for accelerator in ACCELERATORS {
            let forwarded =
                ["candle-core", "latentlab-tensor"].map(|d| format!("{d}/{accelerator}"));
            package
                .features
                .insert(accelerator.to_owned(), forwarded.into());
        }
        change(&mut package);
        let mut workspace = Workspace::of_files(&[]);
        workspace.packages.push(package);
        let below = Package::made_up("latentlab-tensor", "crates/y", &["candle-core"]);
        workspace.packages.push(below);
        of_package(&workspace, &workspace.packages[0])
            .into_iter()
            .map(|violation| violation.problem)
            .collect()
    }

    #[test]
    fn a_crate_without_candle_needs_no_features() {
        let mut workspace = Workspace::of_files(&[]);
        let slices = Package::made_up("latentlab-kernels", "crates/x", &["rayon"]);
        workspace.packages.push(slices);
        assert!(are_forwarded(&workspace).is_empty());
        let above = Package::made_up("latentlab-above", "crates/y", &["latentlab-kernels"]);
        workspace.packages[0] = Package::made_up("latentlab-kernels", "crates/x", &["candle-nn"]);
        workspace.packages.push(above);
        assert!(!are_forwarded(&workspace).is_empty());
    }

    #[test]
    fn a_crate_that_forwards_everything_is_fine() {
        assert_eq!(problems(|_| ()), [""; 0]);
    }

    #[test]
    fn a_missing_feature_is_found() {
        let problems = problems(|package| drop(package.features.remove("mkl")));
        assert_eq!(problems, ["the feature `mkl` is missing: add `mkl = [..]`"]);
    }

    #[test]
    fn a_feature_that_stops_half_way_is_found() {
        let problems = problems(|package| drop(package.features.get_mut("cuda").unwrap().pop()));
        let expected = "`cuda` does not reach `latentlab-tensor`: add \"latentlab-tensor/cuda\"";
        assert_eq!(problems, [expected]);
    }

    #[test]
    fn an_accelerator_is_not_on_by_default_even_through_another_feature() {
        let problems = problems(|package| {
            package
                .features
                .insert("default".to_owned(), vec!["fast".to_owned()]);
            package
                .features
                .insert("fast".to_owned(), vec!["metal".to_owned()]);
        });
        assert_eq!(
            problems,
            ["`metal` is on by default: take it out of `default`"]
        );
    }

    #[test]
    fn a_dependency_does_not_have_an_accelerator_for_good() {
        let problems =
            problems(|package| package.dependencies[0].features.push("cudnn".to_owned()));
        assert_eq!(
            problems,
            ["`candle-core` always has `cudnn`: forward it as a feature"]
        );
    }
}
