//! The same workloads in PyTorch, in turns with ours.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use super::{
    process::{self, Process},
    table::{Row, Side},
};
use crate::cargo;

/// How PyTorch is used; see `benches/python/peer.py`.
pub const MODES: [&str; 6] = ["eager", "fused", "compiled", "tuned", "bf16", "bf16c"];

/// Modes that multiply matrices of 16-bit numbers; all others have 32 bits throughout, as ours.
pub const HALF: [&str; 2] = ["bf16", "bf16c"];

/// Modes that need a C++ compiler which PyTorch can use.
const COMPILED: [&str; 2] = ["compiled", "bf16c"];

/// What is installed where PyTorch is missing.
const PACKAGES: [&str; 2] = ["torch==2.15.0", "numpy"];

/// Milliseconds that a process runs in a round.
const TURN: f64 = 1500.0;

/// The Python of a virtual environment that has PyTorch.
///
/// # Errors
/// If the environment cannot be made, or PyTorch not be installed.
pub fn python(venv: Option<&Path>) -> Result<PathBuf> {
    let venv = match venv {
        Some(venv) => venv.to_owned(),
        None => cache().context("no home directory; name a folder with --venv")?,
    };
    let python = venv.join(if cfg!(windows) {
        "Scripts/python.exe"
    } else {
        "bin/python"
    });
    let mut import = Command::new(&python);
    import.args(["-c", "import torch"]).stderr(Stdio::null());
    if import.status().is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    println!("installing PyTorch into {} (about 5 GB)", venv.display());
    cargo::succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("python3 with its module venv is needed to install PyTorch")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet"]).args(PACKAGES);
    cargo::succeed(&mut pip).context("PyTorch comes from PyPI: is there a network?")?;
    Ok(python)
}

fn cache() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = named.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")))?;
    Some(cache.join("latentlab/pytorch"))
}

fn pytorch(python: &Path, name: &str, mode: &str, threads: usize) -> Command {
    let threads = threads.to_string();
    let mut command = Command::new(python);
    command
        .arg(cargo::root().join("benches/python/peer.py"))
        .args([name, "--mode", mode, "--threads", &threads])
        .env("OMP_NUM_THREADS", &threads);
    if mode == "tuned" || HALF.contains(&mode) {
        // Threads that wait awake, and memory that is kept from step to step.
        command
            .env("OMP_WAIT_POLICY", "active")
            .env("MALLOC_TRIM_THRESHOLD_", "4294967296")
            .env("MALLOC_MMAP_THRESHOLD_", "4294967296");
    }
    command
}

/// Times a workload: in every round each process takes steps for about [`TURN`], one at a time.
///
/// A mode that must be compiled, and cannot be here, is said and left out.
///
/// # Errors
/// If a process fails.
pub fn compare(
    name: &str,
    modes: &[String],
    rounds: u32,
    threads: usize,
    (program, python): (&Path, &Path),
    limit: f64,
) -> Result<Row> {
    let mut ours = Turns::start(process::ours(program, threads, &[name]))?;
    let mut theirs = Vec::new();
    for mode in modes {
        match Turns::start(pytorch(python, name, mode, threads)) {
            Ok(turns) => theirs.push((mode.clone(), turns)),
            Err(error) if COMPILED.contains(&mode.as_str()) => {
                eprintln!("workload {name}: mode `{mode}` does not work here: {error:#}");
            }
            Err(error) => return Err(error.context(format!("mode `{mode}`"))),
        }
    }
    for _ in 0..rounds {
        ours.turn()?;
        for (_, peer) in &mut theirs {
            peer.turn()?;
        }
    }
    let limit_ms = ours.process.flops / (limit * 1e6);
    let theirs = theirs
        .into_iter()
        .map(|(mode, peer)| (mode, peer.finish()))
        .collect();
    Row::of(name, &ours.finish(), &theirs, limit_ms)
}

/// A process and the times of its rounds, in milliseconds per step.
struct Turns {
    process: Process,
    steps: u64,
    times: Vec<f64>,
}

impl Turns {
    /// Starts a process and warms it up.
    fn start(command: Command) -> Result<Self> {
        let mut process = Process::start(command)?;
        let first = process.steps(1)?;
        let warm = (TURN / 3.0 / first).clamp(1.0, 200.0) as u64;
        let step = process.steps(warm)? / warm as f64;
        Ok(Self {
            process,
            steps: (TURN / step).clamp(1.0, 10_000.0) as u64,
            times: Vec::new(),
        })
    }

    fn turn(&mut self) -> Result<()> {
        let time = self.process.steps(self.steps)?;
        self.times.push(time / self.steps as f64);
        Ok(())
    }

    fn finish(self) -> Side {
        Side {
            peak_mib: self.process.peak(),
            first_step_s: self.process.first_step,
            times: self.times,
        }
    }
}
