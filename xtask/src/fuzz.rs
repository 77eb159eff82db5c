//! The guided search for inputs that no reader survives: libFuzzer, with counters in all code.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{cargo, workspace};

/// Counters at every edge, and the operands of every comparison: what libFuzzer is guided by. The
/// flags are those of `cargo fuzz` without a sanitizer, which stable Rust takes.
const COUNTERS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                        -Cllvm-args=-sanitizer-coverage-pc-table \
                        -Cllvm-args=-sanitizer-coverage-trace-compares \
                        -Cllvm-args=-simplifycfg-branch-fold-threshold=0 -Ccodegen-units=1";
/// Bytes of an input, at most.
const LONGEST: usize = 1 << 16;
/// MiB that the process may take, at most, the counters included.
const MEMORY: usize = 1024;

const PAGE: &str = "docs/reliability.md";
const BEGIN: &str = "<!-- fuzz: written by `cargo xtask fuzz` -->";
const END: &str = "<!-- end of fuzz -->";

/// Arguments of `fuzz`.
#[derive(Args)]
pub struct Fuzz {
    /// Readers to search (all without it): idx, gzip, npz, npy, png, jpeg, safetensors, checkpoint,
    /// run, metrics, experiment, override
    #[arg(value_name = "READER")]
    readers: Vec<String>,
    /// Seconds for each reader
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// What came of the search of one reader.
struct Found {
    reader: String,
    inputs: u64,
    seconds: u64,
    faults: Vec<PathBuf>,
}

/// Searches each reader for a while and writes the counts into the page about reliability. What
/// brings a reader down is kept in its corpus.
///
/// # Errors
/// If the program cannot be built, for an unknown reader, and if anything was found.
pub fn run(arguments: Fuzz) -> Result<()> {
    let root = cargo::root();
    let program = build()?;
    let corpus = root.join("crates/latentlab-fuzz/corpus");
    let readers = readers(&program)?;
    let chosen: Vec<_> = match arguments.readers.is_empty() {
        true => readers.clone(),
        false => arguments.readers,
    };
    for name in &chosen {
        ensure!(
            readers.contains(name),
            "there is no reader `{name}`; known: {}",
            readers.join(", ")
        );
    }
    let mut lost = 0;
    for reader in chosen {
        let found = search(&program, &corpus, &reader, arguments.seconds)?;
        println!(
            "{reader}: {} inputs in {} s, {} faults",
            found.inputs,
            found.seconds,
            found.faults.len()
        );
        for file in &found.faults {
            println!("  kept as {}", file.display());
        }
        lost += found.faults.len();
        write_row(&root.join(PAGE), &readers, &found)?;
    }
    match lost {
        0 => Ok(()),
        lost => bail!("{lost} inputs bring a reader down; `cargo test` tries them from now on"),
    }
}

/// Builds the program with its counters, apart from all other builds.
fn build() -> Result<PathBuf> {
    let said = cargo::output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it builds for")?;
    let folder = workspace::metadata()?.target_directory.join("fuzz");
    eprintln!("building the readers with counters in all code; the first build takes ten minutes");
    let mut build = cargo::command(["build", "--package", "latentlab-fuzz"]);
    build
        .args(["--features", "guided", "--bin", "latentlab-fuzz"])
        .args(["--target", host])
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", COUNTERS);
    cargo::succeed(&mut build).context(
        "the search needs a C++ compiler beside Rust (Debian: `apt-get install g++`), to build \
         libFuzzer",
    )?;
    Ok(folder.join(host).join("debug/latentlab-fuzz"))
}

/// The names of the readers, as the program knows them.
fn readers(program: &Path) -> Result<Vec<String>> {
    let output = Command::new(program)
        .env("LATENTLAB_READER", "list")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start the search")?;
    let text = String::from_utf8(output.stdout).context("names of readers are text")?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn search(program: &Path, corpus: &Path, reader: &str, seconds: u64) -> Result<Found> {
    let folder = tempfile::tempdir().context("cannot make a folder for the inputs")?;
    let grown = folder.path().join("grown");
    let kept = corpus.join(reader);
    fs::create_dir_all(&grown)?;
    let began = Instant::now();
    let mut faults = Vec::new();
    let mut inputs = 0;
    // libFuzzer ends at the first fault; the search goes on as long as there is time.
    while let Some(left) = seconds
        .checked_sub(began.elapsed().as_secs())
        .filter(|left| *left > 0)
    {
        let output = Command::new(program)
            .arg(&grown)
            .args(kept.is_dir().then_some(&kept))
            .arg(format!("-max_total_time={left}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .args(["-timeout=10", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/", folder.path().display()))
            .env("LATENTLAB_READER", reader)
            .env("LATENTLAB_SEEDS", &grown)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .context("cannot start the search")?;
        let said = String::from_utf8_lossy(&output.stderr);
        let executed = said.lines().find_map(|line| {
            let count = line.strip_prefix("stat::number_of_executed_units:")?;
            count.trim().parse::<u64>().ok()
        });
        inputs += executed.unwrap_or(0);
        if output.status.success() {
            break;
        }
        let known = faults.len();
        for entry in fs::read_dir(folder.path())? {
            let file = entry?.path();
            if file.is_file() {
                let name = file.file_name().unwrap_or_default();
                fs::create_dir_all(&kept)?;
                let place = kept.join(name);
                fs::copy(&file, &place).with_context(|| format!("cannot keep {place:?}"))?;
                fs::remove_file(&file)?;
                faults.push(place);
            }
        }
        ensure!(
            faults.len() > known,
            "the search of {reader} failed:\n{said}"
        );
    }
    Ok(Found {
        reader: reader.to_owned(),
        inputs,
        seconds: began.elapsed().as_secs(),
        faults,
    })
}

/// Writes the row of a reader into the table between two marks; the other rows and all else stay.
fn write_row(page: &Path, readers: &[String], found: &Found) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {page:?}"))?;
    let text = with_row(&text, readers, found);
    fs::write(page, text).with_context(|| format!("cannot write {page:?}"))
}

fn with_row(text: &str, readers: &[String], found: &Found) -> String {
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
        let (table, tail) = rest.split_once(END)?;
        Some((head, table, tail))
    });
    let (head, known, tail) = parts.unwrap_or((text, "", "\n"));
    let mut table =
        "| reader | inputs | seconds | faults |\n| --- | --- | --- | --- |\n".to_owned();
    for reader in readers {
        let start = format!("| `{reader}` |");
        if *reader == found.reader {
            let (inputs, seconds, faults) = (found.inputs, found.seconds, found.faults.len());
            table.push_str(&format!("{start} {inputs} | {seconds} | {faults} |\n"));
        } else if let Some(row) = known.lines().find(|line| line.starts_with(&start)) {
            table.push_str(&format!("{row}\n"));
        }
    }
    format!("{head}{BEGIN}\n\n{table}\n{END}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_written_anew_and_all_else_stays() {
        let readers = ["idx", "npz"].map(str::to_owned);
        let found = |reader: &str, inputs| Found {
            reader: reader.to_owned(),
            inputs,
            seconds: 60,
            faults: Vec::new(),
        };
        let text = with_row("Words.\n", &readers, &found("npz", 7));
        let text = with_row(&format!("{text}More.\n"), &readers, &found("idx", 8));
        let text = with_row(&text, &readers, &found("npz", 9));
        assert!(
            text.starts_with("Words.\n") && text.ends_with("More.\n"),
            "{text}"
        );
        let rows: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert_eq!(rows, ["| `idx` | 8 | 60 | 0 |", "| `npz` | 9 | 60 | 0 |"]);
    }
}
