//! `latentlab-torture`: kills runs, lets files go wrong, and counts what is lost.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use latentlab_cli::launch;
use latentlab_torture::{Error, FULL, ORDEALS, Program, Result, Torture, page};

/// Keeps the memory of a step for the next one, as in the program `latentlab`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Kills runs, lets files go wrong under them, and counts what is lost.
#[derive(Parser)]
#[command(name = "cargo xtask torture", bin_name = "cargo xtask torture")]
struct Arguments {
    /// Ordeals to go through; all without it
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Kills of each model's runs; other ordeals are shortened in proportion to 50
    #[arg(long, value_name = "N", default_value_t = FULL)]
    runs: usize,
    /// Where the moments of the kills come from
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Print the ordeals, and do nothing
    #[arg(long)]
    list: bool,
    /// The page whose table is written; with fewer runs than 50, only if it is named
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    if let Some(code) = Program::play() {
        return code;
    }
    let arguments = Arguments::parse();
    if let Some(code) = launch::with_environment(0) {
        return code;
    }
    run(&arguments).unwrap_or_else(|error| {
        latentlab_cli::report(&error);
        ExitCode::from(error.exit_code())
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode> {
    let chosen = latentlab_cli::chosen("ordeal", &ORDEALS, |ordeal| ordeal.name, &arguments.names)?;
    if arguments.list {
        for ordeal in chosen {
            println!("{:<8} {}", ordeal.name, ordeal.what);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let torture = Torture {
        program: Program::current()?,
        runs: arguments.runs,
        seed: arguments.seed,
    };
    let out = match (&arguments.out, arguments.runs < FULL) {
        (Some(out), _) => Some(out.clone()),
        (None, true) => None,
        (None, false) => Some(PathBuf::from("docs/reliability.md")),
    };
    let mut lost = false;
    for ordeal in chosen {
        let began = Instant::now();
        let folder = std::env::temp_dir().join(format!(
            "latentlab-torture-{}-{}",
            std::process::id(),
            ordeal.name
        ));
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let report = (ordeal.run)(&torture, &folder)?;
        let seconds = began.elapsed().as_secs_f64();
        println!("{} ({seconds:.0} s)", ordeal.name);
        for line in &report.tried {
            println!("  {line}");
        }
        for line in &report.said {
            println!("  said: {line}");
        }
        match report.lost.is_empty() {
            true => {
                println!("  lost: nothing");
                fs::remove_dir_all(&folder).map_err(Error::file(&folder))?;
            }
            false => {
                lost = true;
                report
                    .lost
                    .iter()
                    .for_each(|line| println!("  LOST: {line}"));
                println!("  see {}", folder.display());
            }
        }
        if let Some(out) = &out {
            page(ordeal, &report, out)?;
        }
    }
    Ok(ExitCode::from(u8::from(lost)))
}
