//! Cargo as a child process, always in the root of the workspace.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies one folder below the root")
}

/// `cargo` with these arguments, to be run in the root.
pub fn command(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    // Cargo names itself in the environment of what it runs, so that toolchains do not mix.
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Runs `cargo` with `fixed` and then `further` arguments.
///
/// # Errors
/// If it does not succeed.
pub fn run(
    fixed: impl IntoIterator<Item = impl AsRef<OsStr>>,
    further: Vec<OsString>,
) -> Result<()> {
    succeed(command(fixed).args(further))
}

/// Runs a command to its end, its output going where ours goes.
///
/// # Errors
/// If it cannot be started or does not succeed.
pub fn succeed(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

/// Runs a command to its end and returns what it wrote to standard output.
///
/// # Errors
/// If it cannot be started, does not succeed or writes no UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{line}`"))?;
    ensure!(
        output.status.success(),
        "`{line}` failed ({})",
        output.status
    );
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote no UTF-8"))
}

/// The command as one would type it, its program by its file name.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name();
    program
        .into_iter()
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_holds_the_workspace() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }

    #[test]
    fn a_failing_command_is_named_in_the_error() {
        let error = succeed(&mut command(["no-such-subcommand"])).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("no-such-subcommand` failed (exit status: 101)"),
            "{message}"
        );
    }
}
