//! A run of 100,000 steps, and a directory of 10,000 runs.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use latentlab_train::observers::read_metrics;

use crate::{Error, Program, Result};

/// Memory and open files of a long run while it trains.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    /// Steps taken.
    pub steps: u64,
    /// Looks at the process.
    pub looks: usize,
    /// Largest resident memory after a fifth of the steps over that at a fifth.
    pub growth: f64,
    /// Resident memory at a fifth of the steps, bytes.
    pub memory: u64,
    /// The fewest open files seen between a fifth and three fifths of the steps, and after that: a
    /// file that is being saved is open for a moment, one that was forgotten for good.
    pub files: [usize; 2],
}

/// Trains a tiny network for `steps` steps and looks at its process, on Linux.
///
/// # Errors
/// If the run fails, or the system does not show its processes.
pub fn long_run(program: &Program, steps: u64, folder: &Path) -> Result<Length> {
    let file = folder.join("tiny.toml");
    let text = format!(
        "steps = {steps}\nbatch_size = 8\ndata = {{ name = \"ring\", train = 64, test = 16 }}\n\
         metrics.every = 100\nsamples.every = {0}\nevaluate.every = {0}\ncheckpoint.every = {0}\n\
         model = {{ name = \"ae\", config = {{ hidden = [4], latent = 1 }} }}\n",
        steps / 100
    );
    fs::write(&file, text).map_err(Error::file(&file))?;
    let (file, out) = (file.display().to_string(), folder.join("long"));
    let directory = out.display().to_string();
    let mut process = program.start(&["experiment", &file, "--out", &directory])?;
    let proc = PathBuf::from(format!("/proc/{}", process.id()));
    let mut seen: Vec<(u64, u64, usize)> = Vec::new();
    while !process.ended()? {
        thread::sleep(Duration::from_millis(20));
        let step = last_step(&out);
        let look = (memory(&proc), open_files(&proc));
        if let (Some(step), (Some(memory), Some(files))) = (step, look)
            && step < steps
        {
            seen.push((step, memory, files));
        }
    }
    let settled: Vec<_> = seen
        .into_iter()
        .filter(|(step, ..)| *step >= steps / 5)
        .collect();
    let fewest = |late: bool| {
        let looks = settled.iter();
        let looks = looks.filter(|(step, ..)| (*step >= steps / 5 * 3) == late);
        looks.map(|(.., files)| *files).min()
    };
    let (Some((_, memory, _)), Some(early), Some(late)) =
        (settled.first(), fewest(false), fewest(true))
    else {
        let problem = "the system does not show memory and files of a process under /proc";
        return Err(Error::Argument(problem.to_owned()));
    };
    let most = settled.iter().map(|(_, memory, _)| *memory).max();
    Ok(Length {
        steps,
        looks: settled.len(),
        growth: most.unwrap_or_default() as f64 / *memory as f64,
        memory: *memory,
        files: [early, late],
    })
}

fn last_step(run: &Path) -> Option<u64> {
    let records = read_metrics(run.join("metrics.jsonl")).ok()?;
    Some(records.last()?.step)
}

fn memory(process: &Path) -> Option<u64> {
    let status = fs::read_to_string(process.join("status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn open_files(process: &Path) -> Option<usize> {
    Some(fs::read_dir(process.join("fd")).ok()?.count())
}

/// How long it takes to list `count` runs in one directory.
///
/// # Errors
/// If the runs cannot be made or listed.
pub fn many_runs(program: &Program, count: usize, folder: &Path) -> Result<Duration> {
    let model = folder.join("model");
    let out = model.display().to_string();
    program.succeed(&["experiment", "gan-dice", "--smoke", "--out", &out])?;
    let runs = folder.join("runs");
    let copied = ["run.json", "summary.json", "config.toml", "metrics.jsonl"];
    for run in 0..count {
        let run = runs.join(format!("{run:05}"));
        fs::create_dir_all(&run).map_err(Error::file(&run))?;
        for name in copied {
            let to = run.join(name);
            fs::copy(model.join(name), &to).map_err(Error::file(&to))?;
        }
    }
    let runs = runs.display().to_string();
    let began = Instant::now();
    program.succeed(&["list", &runs])?;
    Ok(began.elapsed())
}
