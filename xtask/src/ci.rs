//! Everything that a change must pass, cheapest first, so that a typo fails within seconds.

use std::{fs, io, time::Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    cargo,
    program::{self, Program},
    tidy, workspace,
};

/// What `latentlab list --json` says, as far as it matters here.
#[derive(Deserialize)]
struct Listing {
    experiments: Vec<Experiment>,
}

#[derive(Deserialize)]
struct Experiment {
    name: String,
}

/// Runs all steps up to the first that fails, with a line and the seconds after each.
///
/// # Errors
/// If a step fails; the error names it.
pub fn run() -> Result<()> {
    step("fmt", || {
        cargo::succeed(&mut cargo::command(["fmt", "--all", "--check"]))
    })?;
    step("tidy", tidy::run)?;
    step("deny", dependencies_are_allowed)?;
    step("clippy", || {
        let arguments = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ];
        cargo::succeed(&mut cargo::command(arguments))
    })?;
    step("test", || {
        cargo::succeed(&mut cargo::command(["test", "--workspace"]))
    })?;
    step("doc", || {
        let mut doc = cargo::command(["doc", "--workspace", "--no-deps"]);
        cargo::succeed(doc.env("RUSTDOCFLAGS", "--deny warnings"))
    })?;
    smoke_runs()
}

/// Holds the dependencies to `.cargo/deny.toml`, where cargo-deny is installed: it takes minutes to
/// build, and what it asks of dependencies changes with them alone.
fn dependencies_are_allowed() -> Result<()> {
    let installed = cargo::command(["deny", "--version"]).output();
    if !installed.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "not checked: licences, bans and sources of dependencies, because there is no cargo-deny; \
             `cargo install cargo-deny --locked` installs it"
        );
        return Ok(());
    }
    let arguments = ["deny", "--offline", "--config", ".cargo/deny.toml", "check"];
    let mut deny = cargo::command(arguments);
    cargo::succeed(deny.args(["bans", "licenses", "sources"]))
}

/// Trains each experiment that the program knows for a few steps, into empty folders.
fn smoke_runs() -> Result<()> {
    let listing = step("build", || {
        let mut list = program::command(Program::Latentlab, &[])?;
        let json = cargo::output(list.args(["list", "--json"]))?;
        serde_json::from_str::<Listing>(&json).context("`latentlab list --json` is no listing")
    })?;
    ensure!(
        !listing.experiments.is_empty(),
        "`latentlab list --json` names no experiment"
    );

    let folder = workspace::metadata()?.target_directory.join("smoke");
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot empty {}", folder.display()));
        }
        _ => {}
    }
    for Experiment { name } in listing.experiments {
        step(&format!("smoke {name}"), || {
            let mut experiment = program::command(Program::Latentlab, &[])?;
            experiment
                .args(["experiment", &name, "--smoke", "--out"])
                .arg(folder.join(&name));
            if name.ends_with("-folder") {
                experiment.args(pictures_of_this_repository());
            }
            cargo::succeed(&mut experiment)
        })?;
    }
    Ok(())
}

/// Some pictures, for the experiments that come without: half of them to test on, as there are few.
fn pictures_of_this_repository() -> [String; 4] {
    let folder = cargo::root().join("docs/claims");
    let dir = format!("data.dir={}", folder.display());
    ["--set", &dir, "--set", "data.test_fraction=0.5"].map(str::to_owned)
}

fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed().as_secs_f64();
    match &result {
        Ok(_) => eprintln!("== {name} ({seconds:.1} s)"),
        Err(_) => eprintln!("== {name} failed ({seconds:.1} s)"),
    }
    result.with_context(|| format!("the step `{name}` failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listing_may_say_more_than_is_read() {
        let json = r#"{"experiments": [{"name": "vae-ring", "summary": "x"}], "models": ["vae"]}"#;
        let listing: Listing = serde_json::from_str(json).unwrap();
        assert_eq!(listing.experiments[0].name, "vae-ring");
    }

    #[test]
    fn a_failing_step_is_named() {
        let error = step("fmt", || -> Result<()> { anyhow::bail!("no") }).unwrap_err();
        assert_eq!(error.to_string(), "the step `fmt` failed");
    }
}
