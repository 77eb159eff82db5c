//! The task runner of LatentLab, `cargo xtask TASK`: builds, starts and checks, links no tensor code.

mod bench;
mod cargo;
mod check_features;
mod ci;
mod fuzz;
mod nvcc;
mod program;
mod stats;
mod tidy;
mod valgrind;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::{Args, CommandFactory, Parser, Subcommand};
use program::Program;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Train generative models, and look after their code",
    disable_help_subcommand = true
)]
struct CommandLine {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    /// Run an experiment, by NAME or from FILE.toml, in a new run directory
    #[command(disable_help_flag = true)]
    Experiment(Rest),
    /// Take the run in DIR up again where its last checkpoint left it
    #[command(disable_help_flag = true)]
    Resume(Rest),
    /// List the experiments, models and data sources, or the runs in DIR
    #[command(disable_help_flag = true)]
    List(Rest),
    /// Print an experiment's resolved file, with a comment for each key
    #[command(disable_help_flag = true)]
    Describe(Rest),
    /// Draw new images from the model trained in DIR
    #[command(disable_help_flag = true)]
    Sample(Rest),
    /// Draw test images and what the model trained in DIR makes of them
    #[command(disable_help_flag = true)]
    Reconstruct(Rest),
    /// Draw walks between points of the latent space of the model trained in DIR
    #[command(disable_help_flag = true)]
    Interpolate(Rest),
    /// Print what the model trained in DIR, or a folder of pictures, is worth
    #[command(disable_help_flag = true)]
    Evaluate(Rest),
    /// Write the network of the model trained in DIR to a file, to compare images by
    #[command(disable_help_flag = true)]
    Features(Rest),
    /// Run the run in DIR again and compare every byte that is not a time
    #[command(disable_help_flag = true)]
    Reproduce(Rest),
    /// Show the runs in DIR DIR... side by side on one page
    #[command(disable_help_flag = true)]
    Compare(Rest),
    /// Measure what is said of AE, VAE and GAN, by NAME or all: a verdict and a page each
    #[command(disable_help_flag = true)]
    Claims(Rest),
    /// Train what papers trained, and hold it to their figures
    #[command(disable_help_flag = true)]
    Papers(Rest),
    /// Kill runs, let files go wrong under them, and count what is lost
    #[command(disable_help_flag = true)]
    Torture(Rest),
    /// Search for bytes that bring a reader of files down
    Fuzz(fuzz::Fuzz),
    /// Check what this machine and this build can do
    #[command(disable_help_flag = true)]
    Doctor(Rest),
    /// Run all tests
    #[command(disable_help_flag = true)]
    Test(Rest),
    /// Run the benches, or time the workloads side by side with PyTorch
    Bench(bench::Bench),
    /// Check what no compiler checks: arrows between crates, features, words, links
    Tidy,
    /// Print how much code there is, and how much of it is documented
    Stats,
    /// Type-check the accelerator features that this machine can check
    CheckFeatures {
        /// Download NVIDIA's compiler from PyPI into target/nvcc (about 400 MB) if there is none
        #[arg(long)]
        fetch_nvcc: bool,
    },
    /// Run the tests of the kernels under valgrind, which must be installed
    Valgrind,
    /// Run everything that a change must pass, cheapest first
    Ci,
}

/// The arguments of a task that hands them on as they are.
#[derive(Args)]
struct Rest {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

fn main() -> ExitCode {
    let Some(task) = CommandLine::parse().task else {
        // A failed write to standard output leaves nobody to tell.
        let _ = CommandLine::command().print_help();
        return ExitCode::SUCCESS;
    };
    run(task).unwrap_or_else(|error| match error.downcast::<clap::Error>() {
        Ok(usage) => usage.exit(),
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  because: {cause}");
            }
            ExitCode::FAILURE
        }
    })
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Experiment(_)
        | Task::Resume(_)
        | Task::List(_)
        | Task::Describe(_)
        | Task::Sample(_)
        | Task::Reconstruct(_)
        | Task::Interpolate(_)
        | Task::Evaluate(_)
        | Task::Features(_)
        | Task::Reproduce(_)
        | Task::Compare(_)
        | Task::Papers(_)
        | Task::Doctor(_) => {
            return program::run(Program::Latentlab, std::env::args_os().skip(1));
        }
        Task::Claims(rest) => return program::run(Program::Claims, rest.arguments),
        Task::Torture(rest) => return program::run(Program::Torture, rest.arguments),
        Task::Test(rest) => cargo::run(["test", "--workspace"], rest.arguments)?,
        Task::Bench(bench) => bench::run(bench)?,
        Task::Fuzz(fuzz) => fuzz::run(fuzz)?,
        Task::Tidy => tidy::run()?,
        Task::Stats => stats::run()?,
        Task::CheckFeatures { fetch_nvcc } => check_features::run(fetch_nvcc)?,
        Task::Valgrind => valgrind::run()?,
        Task::Ci => ci::run()?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn parse(line: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn no_task_is_no_error() {
        assert!(parse("xtask").unwrap().task.is_none());
    }

    #[test]
    fn an_unknown_task_names_the_nearest_and_exits_with_2() {
        let error = parse("xtask experimnt vae").err().expect("no such task");
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("'experiment'"), "{error}");
    }

    #[test]
    fn flags_of_the_program_are_left_to_it() {
        let task = parse("xtask experiment --help vae --set seed=1 -- x")
            .unwrap()
            .task;
        let Some(Task::Experiment(rest)) = task else {
            panic!("not an experiment")
        };
        assert_eq!(rest.arguments[..2], ["--help", "vae"]);
    }

    #[test]
    fn a_task_without_arguments_refuses_them() {
        let error = parse("xtask tidy everything")
            .err()
            .expect("no such argument");
        assert_eq!(error.kind(), ErrorKind::UnknownArgument);
        assert_eq!(error.exit_code(), 2);
    }
}
