//! `latentlab-claims`: measures what is said of AE, VAE and GAN.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use latentlab_claims::{CLAIMS, Lab, Verdict, page};
use latentlab_cli::launch;
use latentlab_run::{Error, Result};

/// Keeps the memory of a step for the next one, as in the program `latentlab`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures what is said of AE, VAE and GAN: prints a line each, and writes a page with pictures.
#[derive(Parser)]
#[command(name = "cargo xtask claims", bin_name = "cargo xtask claims")]
struct Arguments {
    /// Claims to measure; all without it
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Train a fraction of the steps: under ten minutes for all, and worse figures
    #[arg(long)]
    quick: bool,
    /// Print the names and statements, and measure nothing
    #[arg(long)]
    list: bool,
    /// Where the trained models are kept, to go on after a stop
    #[arg(long, value_name = "DIR", default_value = "runs/claims")]
    runs: PathBuf,
    /// Where the pages are written; docs, or the folder of the runs with --quick
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(code) = launch::with_environment(0) {
        return code;
    }
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            latentlab_cli::report(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let chosen = latentlab_cli::chosen("claim", &CLAIMS, |claim| claim.name, &arguments.names)?;
    if arguments.list {
        let width = chosen.iter().map(|claim| claim.name.len()).max();
        let width = width.unwrap_or(0);
        for claim in chosen {
            say(format_args!("{:<width$}  {}", claim.name, claim.statement));
        }
        return Ok(());
    }
    let docs = match (&arguments.out, arguments.quick) {
        (Some(out), _) => out.clone(),
        (None, true) => arguments.runs.join("quick"),
        (None, false) => PathBuf::from("docs"),
    };
    // What cannot be written is told before hours of training, not after.
    fs::create_dir_all(&docs).map_err(Error::file(&docs))?;
    let lab = Lab::new(&arguments.runs, arguments.quick)?;
    let mut verdicts = Vec::new();
    for claim in chosen {
        let began = Instant::now();
        let finding = (claim.measure)(&lab)?;
        page(claim, &finding, arguments.quick, &docs)?;
        let quick = if arguments.quick { " (quick)" } else { "" };
        say(format_args!(
            "{}: {}{quick}, {:.0} s",
            claim.name,
            finding.sentence(),
            began.elapsed().as_secs_f64()
        ));
        verdicts.push(finding.verdict());
        for criterion in &finding.criteria {
            say(format_args!("  {criterion}"));
        }
    }
    say(format_args!("{}", Verdict::tally(&verdicts)));
    say(format_args!("see {}", docs.join("claims.md").display()));
    Ok(())
}

/// Prints a line; a reader that has gone (`| head`) is no reason to stop measuring.
fn say(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
