//! The benches, and the comparison with PyTorch on this machine.

mod peer;
mod process;
mod table;

use std::{ffi::OsString, path::PathBuf};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::{cargo, workspace};

/// What `cargo xtask bench` can be told.
#[derive(Args)]
pub struct Bench {
    /// Time the workloads side by side with another framework instead
    #[arg(long)]
    peer: Option<Peer>,
    /// Print the images per second of workloads a and d against batch size and width instead
    #[arg(long, conflicts_with = "peer")]
    scaling: bool,
    /// Workloads to time, such as `a,c`; all of a to f, sample and elbo by default
    #[arg(long, value_delimiter = ',')]
    workload: Vec<String>,
    /// PyTorch's modes to time
    #[arg(long, value_delimiter = ',', default_values = peer::MODES)]
    modes: Vec<String>,
    /// Rounds, in each of which every process gets its turn
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Threads of every process; as many as there are cores by default
    #[arg(long)]
    threads: Option<usize>,
    /// Write the table to FILE as JSON too
    #[arg(long, value_name = "FILE", requires = "peer")]
    json: Option<PathBuf>,
    /// The virtual environment with PyTorch, made if it is missing; in the user's cache by default
    #[arg(long, value_name = "DIR")]
    venv: Option<PathBuf>,
    /// What the criterion benches are handed
    #[arg(last = true)]
    criterion: Vec<OsString>,
}

/// A framework to compare with.
#[derive(Clone, Copy, ValueEnum)]
enum Peer {
    Pytorch,
}

/// Every workload, in the order of the table.
const WORKLOADS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "sample", "elbo"];

/// Runs the criterion benches, the comparison or the scaling.
///
/// # Errors
/// If something cannot be built, installed or started, or fails.
pub fn run(bench: Bench) -> Result<()> {
    if bench.scaling {
        return table::scaling(&build()?, threads(&bench)?);
    }
    let Some(Peer::Pytorch) = bench.peer else {
        let fixed = ["bench", "--package", "latentlab-benches"];
        return cargo::run(fixed, bench.criterion);
    };
    let names: Vec<String> = match bench.workload.is_empty() {
        true => WORKLOADS.map(str::to_owned).into(),
        false => bench.workload.clone(),
    };
    known("workload", &names, &WORKLOADS)?;
    known("mode", &bench.modes, &peer::MODES)?;
    let threads = threads(&bench)?;
    let python = peer::python(bench.venv.as_deref())?;
    let ours = build()?;
    let limit = process::product(&ours, threads)?;
    println!("best product of matrices: {limit:.0} GFLOP/s on {threads} threads");
    let around = process::around(&ours, threads)?;
    println!("a run of workload a spends {around:.1} % of its time outside of training steps");
    let mut rows = Vec::new();
    for name in &names {
        let row = peer::compare(
            name,
            &bench.modes,
            bench.rounds,
            threads,
            (&ours, &python),
            limit,
        )
        .with_context(|| format!("workload {name}"))?;
        if rows.is_empty() {
            println!("{}", table::Row::header(&bench.modes));
        }
        println!("{}", row.line(&bench.modes));
        rows.push(row);
        if let Some(file) = &bench.json {
            let text = serde_json::to_string_pretty(&rows)?;
            std::fs::write(file, text)
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
    }
    Ok(())
}

fn known(kind: &str, names: &[String], known: &[&str]) -> Result<()> {
    let unknown = names.iter().find(|name| !known.contains(&name.as_str()));
    if let Some(name) = unknown {
        anyhow::bail!("no {kind} named `{name}`; known: {}", known.join(", "));
    }
    Ok(())
}

fn threads(bench: &Bench) -> Result<usize> {
    let cores = || std::thread::available_parallelism().map(usize::from);
    bench
        .threads
        .map_or_else(cores, Ok)
        .context("cannot tell the number of cores")
}

/// The program that runs our side.
fn build() -> Result<PathBuf> {
    let mut build = cargo::command(["build", "--release", "--package", "latentlab-benches"]);
    cargo::succeed(build.args(["--bin", "workload"]))?;
    let name = format!("workload{}", std::env::consts::EXE_SUFFIX);
    Ok(workspace::metadata()?
        .target_directory
        .join("release")
        .join(name))
}
