//! The command line: one file for each verb. A program with models of its own calls [`main`] with
//! its registry and has them all.

mod commented;
mod describe;
mod doctor;
mod draw;
mod evaluate;
mod experiment;
mod features;
mod interruption;
pub mod launch;
mod list;
mod outputs;
mod own_pictures;
mod papers;
mod published;
mod reproduce;
mod resume;
mod runs;
mod side_by_side;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{Mutex, PoisonError},
};

use clap::{Args, CommandFactory, Parser, Subcommand};
use latentlab_core::{Registry, merge};
use toml::{Table, Value};

use latentlab_run::{Error, Result, overrides::parse_assignment};

/// Trains and studies generative models: autoencoders, variational autoencoders, GANs.
#[derive(Debug, Parser)]
#[command(name = "latentlab", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run an experiment, by name or from a TOML file
    Experiment(experiment::Arguments),
    /// Take a run up again where its last checkpoint left it
    Resume(resume::Arguments),
    /// List the experiments, models and data sources, or the runs in a directory
    List(list::Arguments),
    /// Print an experiment's resolved file, with a comment for each key
    Describe(describe::Arguments),
    /// Draw new images from a trained model
    Sample(draw::SampleArguments),
    /// Draw test images and what a trained model makes of them
    Reconstruct(draw::ReconstructArguments),
    /// Draw walks between points of a trained model's latent space
    Interpolate(draw::InterpolateArguments),
    /// Print what a trained model, or a folder of pictures, is worth
    Evaluate(evaluate::Arguments),
    /// Write the network of a trained model to a file, to compare images by
    Features(features::Arguments),
    /// Run a run again and compare every byte that is not a time
    Reproduce(reproduce::Arguments),
    /// Show runs side by side on one page: curves, figures, configurations
    Compare(side_by_side::Arguments),
    /// Train what papers trained, and hold it to their figures
    Papers(papers::Arguments),
    /// Check what this machine and this build can do
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// What can be changed about an experiment from the command line.
#[derive(Clone, Debug, Default, Args)]
struct Changes {
    /// Seed of everything random
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Training steps
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    steps: Option<u64>,
    /// Any key of the experiment file, such as model.config.latent=10; may be repeated
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    set: Vec<String>,
    /// Where to train: auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE")]
    device: Option<String>,
    /// Threads of the tensor operations; 0 is one for each core
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

impl Changes {
    /// The changes as a table to lay over the experiment file.
    fn table(&self) -> Result<Table> {
        let mut table = assignments(&self.set)?;
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                table.insert(key.to_owned(), value);
            }
        };
        put(
            "seed",
            self.seed.map(|seed| integer("--seed", seed)).transpose()?,
        );
        put(
            "steps",
            self.steps
                .map(|steps| integer("--steps", steps))
                .transpose()?,
        );
        put("device", self.device.clone().map(Value::from));
        put(
            "threads",
            self.threads
                .map(|threads| integer("--threads", threads as u64))
                .transpose()?,
        );
        Ok(table)
    }
}

/// What `--set` says, as one table.
fn assignments(set: &[String]) -> Result<Table> {
    let mut table = Table::new();
    for assignment in set {
        merge(&mut table, &parse_assignment(assignment)?);
    }
    Ok(table)
}

fn integer(argument: &str, number: u64) -> Result<Value> {
    i64::try_from(number).map(Value::Integer).map_err(|_| {
        Error::Argument(format!(
            "{argument} {number}: TOML integers end at {}",
            i64::MAX
        ))
    })
}

/// Runs the command line of this process with the models of `registry`.
///
/// The process may start itself again: candle reads its settings from the environment. Exit codes:
/// 0 done, 1 failed, 2 bad arguments or configuration, 3 diverged, 130 or 143 interrupted by Ctrl-C or SIGTERM.
pub fn main(registry: impl FnOnce() -> latentlab_core::Result<Registry>) -> ExitCode {
    let cli = Cli::parse();
    let outcome = registry().map_err(Error::from).and_then(|registry| {
        let threads = threads_of(&cli.verb, &registry)?;
        match launch::with_environment(threads) {
            Some(code) => Ok(code),
            None => dispatch(cli.verb, &registry)
                .and_then(heard)
                .map(ExitCode::from),
        }
    });
    outcome.unwrap_or_else(|error| {
        report(&error);
        ExitCode::from(error.exit_code())
    })
}

/// The number of threads that the verb's experiment asks for; bad arguments fail here already.
fn threads_of(verb: &Verb, registry: &Registry) -> Result<usize> {
    match verb {
        Verb::Experiment(arguments) => arguments.threads(registry),
        Verb::Resume(arguments) => arguments.threads(registry),
        Verb::Reproduce(arguments) => arguments.threads(),
        _ => Ok(0),
    }
}

fn dispatch(verb: Verb, registry: &Registry) -> Result<u8> {
    match verb {
        Verb::Experiment(arguments) => experiment::run(&arguments, registry),
        Verb::Resume(arguments) => resume::run(&arguments, registry),
        Verb::List(arguments) => list::run(&arguments, registry),
        Verb::Describe(arguments) => describe::run(&arguments, registry),
        Verb::Sample(arguments) => draw::sample(&arguments, registry),
        Verb::Reconstruct(arguments) => draw::reconstruct(&arguments, registry),
        Verb::Interpolate(arguments) => draw::interpolate(&arguments, registry),
        Verb::Evaluate(arguments) => evaluate::run(&arguments, registry),
        Verb::Features(arguments) => features::run(&arguments, registry),
        Verb::Reproduce(arguments) => reproduce::run(&arguments, registry),
        Verb::Compare(arguments) => side_by_side::run(&arguments),
        Verb::Papers(arguments) => papers::run(&arguments, registry),
        Verb::Doctor => doctor::run(),
        Verb::Completions { shell } => {
            let mut command = Cli::command();
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command, "latentlab", &mut script);
            say(String::from_utf8_lossy(&script).trim_end());
            Ok(0)
        }
    }
}

/// The command line of this process, as text.
fn argv() -> Vec<String> {
    let words = std::env::args_os();
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

/// Those of `all` that are called one of `names`, in the order of the names; all, if there are none.
///
/// # Errors
/// For a name that no `what` has, with the nearest.
pub fn chosen<'a, T>(
    what: &'static str,
    all: &'a [T],
    name_of: impl Fn(&T) -> &str,
    names: &[String],
) -> Result<Vec<&'a T>> {
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &String| {
        let known = all.iter().find(|one| name_of(one) == name);
        known.ok_or_else(|| latentlab_core::Error::unknown(what, name, all.iter().map(&name_of)))
    };
    Ok(names
        .iter()
        .map(find)
        .collect::<latentlab_core::Result<_>>()?)
}

/// Prints an error and its causes to stderr, one a line.
pub fn report(error: &dyn std::error::Error) {
    let message = format!(
        "error: {}\n",
        latentlab_run::chain(error).join("\n  because: ")
    );
    // There is nobody to tell if stderr is closed as well.
    let _ = io::stderr().write_all(message.as_bytes());
}

/// The first error of a write to stdout, until it is told.
static UNHEARD: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line to stdout; a reader that has gone (`| head`) is no error. What cannot be printed for
/// another reason ends nothing that is under way: [`heard`] tells in the end.
fn say(text: impl AsRef<str>) {
    if let Err(error) = writeln!(io::stdout(), "{}", text.as_ref())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let mut unheard = UNHEARD.lock().unwrap_or_else(PoisonError::into_inner);
        unheard.get_or_insert(error);
    }
}

/// The exit code of a verb that did its work, if what it said could be printed.
///
/// # Errors
/// If standard output took it as little as a full disk.
fn heard(code: u8) -> Result<u8> {
    let mut unheard = UNHEARD.lock().unwrap_or_else(PoisonError::into_inner);
    match unheard.take() {
        Some(error) if code == 0 => Err(Error::file(Path::new("standard output"))(error)),
        _ => Ok(code),
    }
}

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Holds the example of the README to the compiler.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct OwnReadme;
