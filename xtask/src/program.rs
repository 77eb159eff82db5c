//! The programs of the workspace: built when they are out of date, then run in the place of this
//! process.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::error::ErrorKind;

use crate::{cargo, workspace};

/// A program of the workspace.
#[derive(Clone, Copy)]
pub enum Program {
    /// `latentlab`, which trains, judges and draws.
    Latentlab,
    /// `latentlab-claims`, which measures what is said of models.
    Claims,
    /// `latentlab-torture`, which kills runs and lets files go wrong.
    Torture,
}

impl Program {
    /// Its name, and that of its crate.
    fn names(self) -> [&'static str; 2] {
        match self {
            Self::Latentlab => ["latentlab", "latentlab-cli"],
            Self::Claims => ["latentlab-claims", "latentlab-claims"],
            Self::Torture => ["latentlab-torture", "latentlab-torture"],
        }
    }
}

/// Builds `program` and hands over to it with `arguments`, less `--features`, which Cargo gets.
///
/// On Unix this returns only on failure: the program takes over the process, and with it the
/// terminal and its signals. Elsewhere the exit code is the program's.
///
/// # Errors
/// If `--features` lacks its value, or the program cannot be built or started.
pub fn run(program: Program, arguments: impl IntoIterator<Item = OsString>) -> Result<ExitCode> {
    let (features, arguments) = split_features(arguments)?;
    hand_over(command(program, &features)?.args(arguments))
}

/// Builds `program` with these features if it is out of date; returns it ready to be given arguments
/// and run in the current folder.
///
/// # Errors
/// If it cannot be built.
pub fn command(program: Program, features: &[String]) -> Result<Command> {
    let mut command = Command::new(build(program, features)?);
    // Without it candle drops the gradient of a gradient, and penalties on gradients train nothing.
    command.env("CANDLE_GRAD_DO_NOT_DETACH", "1");
    Ok(command)
}

fn build(program: Program, features: &[String]) -> Result<PathBuf> {
    let [program, package] = program.names();
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    let built = workspace::metadata()?
        .target_directory
        .join("release")
        .join(name);
    let mut build = cargo::command(["build", "--release", "--package", package]);
    build.args(["--bin", program]);
    if !features.is_empty() {
        build.arg("--features").arg(features.join(","));
    }

    if built.exists() && features.is_empty() {
        build.arg("--quiet");
        notify_when_slow(program, || cargo::succeed(&mut build))?;
    } else {
        eprintln!("building {program}; the first build takes some minutes");
        cargo::succeed(&mut build)?;
    }
    Ok(built)
}

/// Says after two seconds that a silent build is under way.
fn notify_when_slow<T>(program: &'static str, build: impl FnOnce() -> T) -> T {
    let (_running, end) = mpsc::channel::<()>();
    thread::spawn(move || {
        if end.recv_timeout(Duration::from_secs(2)) == Err(RecvTimeoutError::Timeout) {
            eprintln!("building {program}");
        }
    });
    build()
}

/// Takes `--features a,b` (or `--features=a,b`, or `-F a,b`) out of `arguments`, up to a `--`; no
/// program has an option of its own by that name.
fn split_features(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Vec<String>, Vec<OsString>)> {
    let mut features = Vec::new();
    let mut others = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let value = match argument.to_str() {
            Some("--") => {
                others.push(argument);
                others.extend(arguments);
                break;
            }
            Some("--features" | "-F") => {
                arguments.next().and_then(|value| value.into_string().ok())
            }
            Some(text) if text.starts_with("--features=") => {
                text.split_once('=').map(|(_, value)| value.to_owned())
            }
            _ => {
                others.push(argument);
                continue;
            }
        };
        let value = value.filter(|value| !value.is_empty() && !value.starts_with('-'));
        let Some(value) = value else {
            let problem =
                "--features needs the features to build with, such as `--features cuda`\n";
            return Err(clap::Error::raw(ErrorKind::InvalidValue, problem).into());
        };
        features.extend(value.split([',', ' ']).map(str::to_owned));
    }
    Ok((features, others))
}

#[cfg(unix)]
fn hand_over(program: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt;

    // `exec` comes back only if there is nothing to hand over to.
    let error = program.exec();
    Err(error).with_context(|| format!("cannot start {}", program.get_program().display()))
}

#[cfg(not(unix))]
fn hand_over(program: &mut Command) -> Result<ExitCode> {
    let status = program
        .status()
        .with_context(|| format!("cannot start {}", program.get_program().display()))?;
    std::process::exit(status.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<(Vec<String>, Vec<OsString>)> {
        split_features(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn arguments_without_features_stay_as_they_are() {
        let (features, others) =
            split("experiment vae --set model.config.latent=8 --smoke").unwrap();
        assert!(features.is_empty());
        assert_eq!(
            others,
            [
                "experiment",
                "vae",
                "--set",
                "model.config.latent=8",
                "--smoke"
            ]
        );
    }

    #[test]
    fn features_are_taken_out_wherever_they_stand() {
        for line in [
            "experiment --features cuda,mkl vae",
            "experiment vae --features=cuda,mkl",
            "-F cuda experiment vae -F mkl",
        ] {
            let (features, others) = split(line).unwrap();
            assert_eq!(features, ["cuda", "mkl"], "{line}");
            assert_eq!(others, ["experiment", "vae"], "{line}");
        }
    }

    #[test]
    fn what_follows_two_dashes_is_left_alone() {
        let (features, others) = split("sample dir -- --features cuda").unwrap();
        assert!(features.is_empty());
        assert_eq!(others, ["sample", "dir", "--", "--features", "cuda"]);
    }

    #[test]
    fn features_without_a_value_are_an_error_of_the_command_line() {
        for line in [
            "list --features",
            "list --features=",
            "list --features --json",
        ] {
            let error = split(line).unwrap_err().downcast::<clap::Error>().unwrap();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
