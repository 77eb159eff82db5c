//! The kernels under valgrind: reads and writes outside of what is theirs, and values never set.
//!
//! What the compiler does not check, it does. It knows no AVX-512 (as of 3.19), tells programs so, and
//! the kernels then take the instructions for AVX2: the loops are the same, their widest copies are
//! not run.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::cargo;

/// A test whose matrices are too large to wait for at a fiftieth of the speed; other tests multiply
/// smaller ones.
const TOO_LARGE: &str = "thin_and_empty_products";

/// A line of Cargo's messages, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    executable: Option<String>,
    #[serde(default)]
    profile: Profile,
}

#[derive(Default, Deserialize)]
struct Profile {
    #[serde(default)]
    test: bool,
}

/// Runs the unit tests of the kernels under valgrind, each property with two cases.
///
/// # Errors
/// If there is no valgrind, a test fails or valgrind finds an error.
pub fn run() -> Result<()> {
    let found = Command::new("valgrind").arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        bail!("there is no valgrind: install it, for example with `apt-get install valgrind`");
    }
    let build = [
        "test",
        "--package",
        "latentlab-kernels",
        "--lib",
        "--no-run",
        "--message-format",
        "json",
    ];
    let messages = cargo::output(&mut cargo::command(build))?;
    let tests = test_program(&messages).context("cargo names no test program")?;
    let listed = cargo::output(Command::new(&tests).arg("--list"))?;
    ensure!(
        listed.lines().any(|line| line.ends_with(": test")),
        "no unit test of the kernels is left"
    );
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--quiet", "--error-exitcode=9", &tests])
        .args(["--test-threads", "1"])
        .args(["--skip", TOO_LARGE])
        .envs([("PROPTEST_CASES", "2"), ("RAYON_NUM_THREADS", "2")])
        .current_dir(cargo::root().join("crates/latentlab-kernels"));
    cargo::succeed(&mut valgrind)
}

/// The test program among what Cargo says it has built.
fn test_program(messages: &str) -> Option<String> {
    messages.lines().find_map(|line| {
        let message: Message = serde_json::from_str(line).ok()?;
        message.executable.filter(|_| message.profile.test)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_program_is_the_executable_of_a_test_profile() {
        let messages = r#"{"reason": "compiler-artifact", "executable": null, "profile": {"test": false}}
{"reason": "compiler-artifact", "executable": "/a/build", "profile": {"test": false}}
{"reason": "compiler-artifact", "executable": "/a/tests", "profile": {"test": true}}
{"reason": "build-finished", "success": true}"#;
        assert_eq!(test_program(messages), Some("/a/tests".to_owned()));
    }
}
