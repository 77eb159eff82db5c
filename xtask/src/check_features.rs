//! Type-checks the accelerator features, which the tests of an ordinary machine never compile.

use std::{path::Path, time::Instant};

use anyhow::{Result, ensure};

use crate::{
    cargo,
    nvcc::{self, Environment},
    tidy::ACCELERATORS,
    workspace,
};

/// Checks each feature that can be checked here; prints one line for each at the end.
///
/// # Errors
/// If a feature does not compile, or nvcc is wanted and cannot be fetched.
pub fn run(fetch_nvcc: bool) -> Result<()> {
    let target_directory = workspace::metadata()?.target_directory;
    if fetch_nvcc && nvcc::find(&target_directory).is_none() {
        nvcc::fetch(&target_directory)?;
    }

    let mut lines = Vec::new();
    let mut failures = 0;
    for feature in ACCELERATORS {
        let line = match environment(feature, &target_directory) {
            Err(reason) => format!("skipped: {reason}"),
            Ok(environment) => {
                let start = Instant::now();
                let result = check(feature, environment, &target_directory);
                let seconds = start.elapsed().as_secs();
                failures += usize::from(result.is_err());
                match result {
                    Ok(()) => format!("ok ({seconds} s)"),
                    Err(error) => format!("failed ({seconds} s): {error}"),
                }
            }
        };
        lines.push(format!("{feature:<11}{line}"));
    }
    println!("{}", lines.join("\n"));
    ensure!(failures == 0, "{failures} feature(s) do not compile");
    Ok(())
}

/// What a feature needs in its environment, or why it cannot be checked on this machine.
fn environment(feature: &str, target_directory: &Path) -> Result<Environment, &'static str> {
    match feature {
        "accelerate" | "metal" if !cfg!(target_os = "macos") => Err("needs macOS"),
        "mkl" if !cfg!(target_arch = "x86_64") => Err("needs an x86-64 processor"),
        "cuda" | "cudnn" => nvcc::find(target_directory).ok_or(
            "needs nvcc on the path; `cargo xtask check-features --fetch-nvcc` downloads it",
        ),
        _ => Ok(Environment::new()),
    }
}

/// Checks in a target directory of its own, so that the next ordinary build starts where it was.
fn check(feature: &str, environment: Environment, target_directory: &Path) -> Result<()> {
    let arguments = ["check", "--package", "latentlab-cli", "--features", feature];
    let target_directory = target_directory.join("check-features");
    let mut check = cargo::command(arguments);
    check
        .env("CARGO_TARGET_DIR", target_directory)
        .envs(environment);
    cargo::succeed(&mut check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_checked_or_skipped_for_a_reason() {
        let nowhere = Path::new("/nowhere");
        assert_eq!(
            environment("metal", nowhere).is_ok(),
            cfg!(target_os = "macos")
        );
        assert_eq!(
            environment("mkl", nowhere).is_ok(),
            cfg!(target_arch = "x86_64")
        );
    }
}
