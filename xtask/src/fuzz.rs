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
    /// Readers to search (all without it): idx, gzip, npz, npy, png, alpha, jpeg, safetensors, network,
    /// checkpoint, manifest, pointer, run, metrics, experiment, override
    #[arg(value_name = "READER")]
    readers: Vec<String>,
    /// Seconds for each reader
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// Something that reads, as the program tells of it.
#[derive(Clone)]
struct Reader {
    name: String,
    what: String,
}

/// What came of the search of one reader.
struct Found {
    reader: String,
    inputs: u64,
    seconds: u64,
    fault: Option<Fault>,
}

/// An input that a reader does not survive.
struct Fault {
    /// Where it is kept.
    file: PathBuf,
    /// What the reader said at its end.
    said: String,
}

/// Searches each reader for a while, or up to its first fault, and writes the counts into the page
/// about reliability. What brings a reader down is kept in its corpus.
///
/// # Errors
/// If the program cannot be built, for an unknown reader, and if anything was found.
pub fn run(arguments: Fuzz) -> Result<()> {
    let root = cargo::root();
    let target = workspace::metadata()?.target_directory.join("fuzz");
    let program = build(&target)?;
    let readers = readers(&program)?;
    let known = |name: &String| readers.iter().any(|reader| reader.name == *name);
    if let Some(unknown) = arguments.readers.iter().find(|name| !known(name)) {
        let names: Vec<_> = readers.iter().map(|reader| reader.name.as_str()).collect();
        bail!(
            "there is no reader `{unknown}`; known: {}",
            names.join(", ")
        );
    }
    let mut lost = 0;
    for Reader { name, .. } in &readers {
        if !(arguments.readers.is_empty() || arguments.readers.contains(name)) {
            continue;
        }
        let found = search(&program, &target, name, arguments.seconds)?;
        println!("{name}: {} inputs in {} s", found.inputs, found.seconds);
        if let Some(Fault { file, said }) = &found.fault {
            println!("  FAULT: {said}\n  kept as {}", file.display());
            lost += 1;
        }
        write_row(&root.join(PAGE), &readers, &found)?;
    }
    ensure!(
        lost == 0,
        "{lost} readers do not survive what was found; `cargo test` tries it from now on"
    );
    Ok(())
}

/// Builds the program with its counters, apart from all other builds.
fn build(folder: &Path) -> Result<PathBuf> {
    let said = cargo::output(Command::new("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what it builds for")?;
    eprintln!("building the readers with counters in all code; the first build takes ten minutes");
    let mut build = cargo::command(["build", "--package", "latentlab-fuzz"]);
    build
        .args(["--features", "guided", "--bin", "latentlab-fuzz"])
        .args(["--target", host])
        .arg("--target-dir")
        .arg(folder)
        .env("RUSTFLAGS", COUNTERS);
    cargo::succeed(&mut build).context(
        "the search needs a C++ compiler beside Rust (Debian: `apt-get install g++`), to build \
         libFuzzer",
    )?;
    Ok(folder.join(host).join("debug/latentlab-fuzz"))
}

/// The readers that the program knows.
fn readers(program: &Path) -> Result<Vec<Reader>> {
    let list = cargo::output(Command::new(program).env("LATENTLAB_READER", "list"))?;
    let reader = |line: &str| {
        let (name, what) = line.split_once(": ")?;
        let (name, what) = (name.to_owned(), what.to_owned());
        Some(Reader { name, what })
    };
    Ok(list.lines().filter_map(reader).collect())
}

/// Goes on from what an earlier search has grown, in the folder of its program.
fn search(program: &Path, target: &Path, reader: &str, seconds: u64) -> Result<Found> {
    let grown = target.join("grown").join(reader);
    fs::create_dir_all(&grown).with_context(|| format!("cannot make {grown:?}"))?;
    let kept = cargo::root()
        .join("crates/latentlab-fuzz/corpus")
        .join(reader);
    let folder = tempfile::tempdir().context("cannot make a folder for what is found")?;
    let memory = Path::new("/dev/shm");
    let input = match memory.is_dir() {
        true => tempfile::NamedTempFile::new_in(memory),
        false => tempfile::NamedTempFile::new(),
    };
    let input = input.context("cannot make a file for the input")?;
    let began = Instant::now();
    let output = Command::new(program)
        .arg(&grown)
        .args(kept.is_dir().then_some(&kept))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-rss_limit_mb={MEMORY}"))
        .args(["-timeout=10", "-print_final_stats=1"])
        .arg(format!("-artifact_prefix={}/", folder.path().display()))
        .env("LATENTLAB_READER", reader)
        .env("LATENTLAB_SEEDS", &grown)
        .env("LATENTLAB_INPUT", input.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .context("cannot start the search")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let executed = said.lines().find_map(|line| {
        let count = line.strip_prefix("stat::number_of_executed_units:")?;
        count.trim().parse::<u64>().ok()
    });
    let fault = match output.status.success() {
        true => None,
        false => Some(keep(folder.path(), input.path(), &kept, &said)?),
    };
    Ok(Found {
        reader: reader.to_owned(),
        inputs: executed.unwrap_or(0),
        seconds: began.elapsed().as_secs(),
        fault,
    })
}

/// Copies the input that libFuzzer left in `folder` to those that are `kept`, or the `last` one, where
/// the process died without leaving any.
fn keep(folder: &Path, last: &Path, kept: &Path, said: &str) -> Result<Fault> {
    // Beside them it may leave `slow-unit-…`, which is none.
    const ENDS: [&str; 4] = ["crash-", "leak-", "oom-", "timeout-"];
    let left: Vec<fs::DirEntry> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    let mut left = left.iter().map(|entry| (entry.path(), entry.file_name()));
    let ended = left.find(|(_, name)| {
        let name = name.to_string_lossy();
        ENDS.iter().any(|end| name.starts_with(end))
    });
    let (input, name) = ended.unwrap_or_else(|| (last.to_owned(), "died".into()));
    fs::create_dir_all(kept).with_context(|| format!("cannot make {kept:?}"))?;
    let file = kept.join(name);
    fs::copy(&input, &file).with_context(|| format!("cannot keep {file:?}"))?;
    let end = said
        .lines()
        .skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR: libFuzzer"));
    let end: Vec<&str> = end.take(2).collect();
    let said = match end.is_empty() {
        true => "died without a word, as when the stack overflows".to_owned(),
        false => end.join(" "),
    };
    Ok(Fault { file, said })
}

/// Writes the row of a reader into the table between two marks; the other rows and all else stay.
fn write_row(page: &Path, readers: &[Reader], found: &Found) -> Result<()> {
    let text = fs::read_to_string(page).with_context(|| format!("cannot read {page:?}"))?;
    let text = with_row(&text, readers, found);
    fs::write(page, text).with_context(|| format!("cannot write {page:?}"))
}

fn with_row(text: &str, readers: &[Reader], found: &Found) -> String {
    let parts = text.split_once(BEGIN).and_then(|(head, rest)| {
        let (table, tail) = rest.split_once(END)?;
        Some((head, table, tail))
    });
    let (head, known, tail) = parts.unwrap_or((text, "", "\n"));
    let mut table =
        "| reader | what is read | inputs | seconds | faults |\n| --- | --- | --- | --- | --- |\n"
            .to_owned();
    for Reader { name, what } in readers {
        let start = format!("| `{name}` |");
        if *name == found.reader {
            let (inputs, seconds) = (found.inputs, found.seconds);
            let faults = match &found.fault {
                None => "none",
                Some(_) => "the last input",
            };
            table.push_str(&format!(
                "{start} {what} | {inputs} | {seconds} | {faults} |\n"
            ));
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
    fn the_last_input_is_kept_where_none_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let (left, kept) = (folder.path().join("left"), folder.path().join("kept"));
        let last = folder.path().join("last");
        fs::create_dir(&left).unwrap();
        fs::write(&last, b"deep").unwrap();
        let fault = keep(&left, &last, &kept, "").unwrap();
        assert_eq!(fs::read(&fault.file).unwrap(), b"deep");
        fs::write(left.join("crash-1"), b"odd").unwrap();
        let said = "thread panicked at lib.rs:\nwhy\nmore";
        let fault = keep(&left, &last, &kept, said).unwrap();
        assert_eq!(fs::read(&fault.file).unwrap(), b"odd");
        assert_eq!(fault.said, "thread panicked at lib.rs: why");
    }

    #[test]
    fn a_row_is_written_anew_and_all_else_stays() {
        let readers = ["idx", "npz"].map(|name| Reader {
            name: name.to_owned(),
            what: "a file".to_owned(),
        });
        let found = |reader: &str, inputs| Found {
            reader: reader.to_owned(),
            inputs,
            seconds: 60,
            fault: None,
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
        assert_eq!(
            rows,
            [
                "| `idx` | a file | 8 | 60 | none |",
                "| `npz` | a file | 9 | 60 | none |"
            ]
        );
    }
}
