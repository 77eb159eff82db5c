//! The program `latentlab` as a process to be killed.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
};

use latentlab_core::Registry;

use crate::{Error, Result};

/// Set for a process of this crate's binary that is to be `latentlab`.
const ROLE: &str = "LATENTLAB_TORTURED";

/// The program `latentlab`, with the outside crate's model beside the built-in ones.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
}

/// The built-in models and the outside crate's.
///
/// # Errors
/// If a name is taken twice.
pub fn registry() -> latentlab_core::Result<Registry> {
    Registry::default()
        .with(latentlab_models::plugin)?
        .with(latentlab_example_denoising::plugin)
}

impl Program {
    /// The program that `binary`, this crate's, becomes.
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        let binary = binary.into();
        Self { binary }
    }

    /// The program that this process, one of this crate's binary, becomes when it is started again.
    ///
    /// # Errors
    /// If the system does not say where the binary is.
    pub fn current() -> Result<Self> {
        Ok(Self::new(
            env::current_exe().map_err(Error::file(Path::new("this program")))?,
        ))
    }

    /// What this process exits with if it was started to be the program.
    pub fn play() -> Option<ExitCode> {
        env::var_os(ROLE)?;
        Some(latentlab_cli::main(registry))
    }

    /// The program with `arguments`, its output thrown away.
    pub fn command(&self, arguments: &[impl AsRef<str>]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments.iter().map(AsRef::as_ref))
            .env(ROLE, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Runs the program to its end.
    ///
    /// # Errors
    /// If it fails, with what it said.
    pub fn succeed(&self, arguments: &[impl AsRef<str>]) -> Result<()> {
        let mut command = self.command(arguments);
        let output = command.stderr(Stdio::piped()).output();
        let output = output.map_err(Error::file(&self.binary))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let words: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
        let what = words.join(" ");
        Err(Error::Argument(format!("`{what}` failed: {}", said.trim())))
    }

    /// Starts the program.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn start(&self, arguments: &[impl AsRef<str>]) -> Result<Started> {
        let child = self.command(arguments).spawn();
        Ok(Started(child.map_err(Error::file(&self.binary))?))
    }
}

/// A process under way, which ends with its owner.
#[derive(Debug)]
pub struct Started(Child);

impl Started {
    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it with SIGKILL; says whether it was still at work.
    ///
    /// # Errors
    /// If it ended by itself, and not well.
    pub fn kill(mut self) -> Result<bool> {
        match self.ended()? {
            true => Ok(false),
            false => {
                // It may end by itself in between; then there is nothing to kill.
                let _ = self.0.kill();
                let status = self.0.wait().map_err(Error::file(Path::new("wait")))?;
                Ok(status.code().is_none())
            }
        }
    }

    /// Whether it has ended.
    ///
    /// # Errors
    /// If it failed.
    pub fn ended(&mut self) -> Result<bool> {
        match self.0.try_wait().map_err(Error::file(Path::new("wait")))? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(Error::Argument(format!("the program ended with {status}"))),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // What has ended cannot be killed, and need not be.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
