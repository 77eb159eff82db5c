//! A workload in a process of its own, which takes steps when it is told to and sleeps otherwise.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

use crate::cargo;

/// A process under way, stopped but while it takes steps. It is killed when dropped.
pub struct Process {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Seconds from its start to the end of its first step.
    pub first_step: f64,
    /// Multiplications and additions of a step; 0 if it did not say.
    pub flops: f64,
    /// Images that go through a step.
    pub images: f64,
}

impl Process {
    /// Starts the command and waits for its first step.
    ///
    /// # Errors
    /// If it cannot be started or does not speak the protocol.
    pub fn start(mut command: Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let start = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let commands = child.stdin.take().context("standard input is piped")?;
        let answers = BufReader::new(child.stdout.take().context("standard output is piped")?);
        let mut process = Self {
            child,
            commands,
            answers,
            first_step: 0.0,
            flops: 0.0,
            images: 0.0,
        };
        let ready = process.answer()?;
        process.first_step = start.elapsed().as_secs_f64();
        let mut words = ready.split_whitespace();
        ensure!(
            words.next() == Some("ready"),
            "{program} began with {ready:?}, not `ready`"
        );
        let mut number = || words.next().and_then(|word| word.parse().ok());
        process.flops = number().context("no FLOPs after `ready`")?;
        process.images = number().context("no images after `ready`")?;
        process.signal("STOP")?;
        Ok(process)
    }

    /// Wakes the process, lets it take `count` steps, and returns the milliseconds that they took.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn steps(&mut self, count: u64) -> Result<f64> {
        self.signal("CONT")?;
        writeln!(self.commands, "steps {count}")?;
        self.commands.flush()?;
        let answer = self.answer()?;
        self.signal("STOP")?;
        answer
            .trim()
            .parse()
            .with_context(|| format!("{answer:?} is no time"))
    }

    /// The most memory that the process has had, in MiB; 0 where the system does not tell.
    pub fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kibibytes.unwrap_or(0.0) / 1024.0
    }

    fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line)?;
        ensure!(read > 0, "the process ended; its message is above");
        Ok(line)
    }

    /// Other processes must not compete with the one that is timed: PyTorch's threads stay awake
    /// between two steps.
    fn signal(&self, signal: &str) -> Result<()> {
        let id = self.child.id().to_string();
        cargo::succeed(Command::new("kill").args(["-s", signal, &id]))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Our side of a workload, with the environment that the program `latentlab` gives itself.
pub fn ours(program: &Path, threads: usize, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("CANDLE_GRAD_DO_NOT_DETACH", "1")
        .env("CANDLE_NUM_THREADS", "1")
        .env("MIMALLOC_ALLOW_LARGE_OS_PAGES", "1")
        .env("MIMALLOC_PURGE_DELAY", "-1")
        .env("RAYON_NUM_THREADS", threads.to_string());
    command
}

/// The most GFLOP/s of a product of matrices.
///
/// # Errors
/// If the program fails.
pub fn product(program: &Path, threads: usize) -> Result<f64> {
    number(program, threads, "sgemm")
}

/// The percentage of a run's time that is not spent in training steps: data, observers, records.
///
/// # Errors
/// If the program fails.
pub fn around(program: &Path, threads: usize) -> Result<f64> {
    number(program, threads, "around")
}

fn number(program: &Path, threads: usize, what: &str) -> Result<f64> {
    let output = cargo::output(&mut ours(program, threads, &[what]))?;
    output
        .trim()
        .parse()
        .with_context(|| format!("`{what}` printed no number"))
}
