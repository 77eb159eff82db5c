//! What the program is put through.

use std::path::Path;

use latentlab_tensor::Rng;

use crate::{Error, Program, Result, faults, kills, length};

/// What an ordeal needs.
#[derive(Clone, Debug)]
pub struct Torture {
    /// The program.
    pub program: Program,
    /// Kills of each model's runs; the other ordeals are shortened with it, in proportion to 50.
    pub runs: usize,
    /// Where the moments of the kills come from.
    pub seed: u64,
}

/// One way to torture the program.
pub struct Ordeal {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is done.
    pub what: &'static str,
    /// Does it in an empty folder.
    pub run: fn(&Torture, &Path) -> Result<Report>,
}

/// What came of an ordeal.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was tried, in words, one a row of the table.
    pub tried: Vec<String>,
    /// What was lost, in words: nothing, if all is well.
    pub lost: Vec<String>,
    /// Some of what the program said.
    pub said: Vec<String>,
}

/// All ordeals.
pub const ORDEALS: [Ordeal; 4] = [
    Ordeal {
        name: "kills",
        what: "SIGKILL at a random moment, up to four times a run, then compared byte by byte with \
               the run that nobody killed",
        run: kills,
    },
    Ordeal {
        name: "faults",
        what: "the n-th operation on the file system fails, for every n of a run with its report: \
               before, within or after it, once or for good; then resumed and compared",
        run: faults,
    },
    Ordeal {
        name: "length",
        what: "100,000 steps of a tiny network: resident memory and open files from a fifth of the \
               steps on",
        run: length,
    },
    Ordeal {
        name: "many",
        what: "10,000 runs in one directory, listed",
        run: many,
    },
];

/// Kills of each model's runs in the full torture.
pub const FULL: usize = 50;

impl Torture {
    /// `count` at full length, less in a shorter torture.
    fn share(&self, count: usize) -> usize {
        (count * self.runs).div_ceil(FULL).min(count)
    }
}

fn kills(torture: &Torture, folder: &Path) -> Result<Report> {
    let mut report = Report::default();
    for victim in kills::VICTIMS {
        let folder = folder.join(victim.name);
        std::fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        let mut rng = Rng::stream(torture.seed, victim.name, 0);
        let found = victim.kill(&torture.program, torture.runs, &mut rng, &folder)?;
        report.tried.push(format!(
            "`{}`: {} kills of {} runs ({} before the first checkpoint, {} inside of a save, {} \
             after the last step); {} files compared",
            victim.name,
            found.killed,
            found.runs,
            found.before_a_checkpoint,
            found.inside_a_save,
            found.while_ending,
            found.files
        ));
        report.lost.extend(found.lost);
    }
    Ok(report)
}

fn faults(torture: &Torture, folder: &Path) -> Result<Report> {
    let stride = FULL.div_ceil(torture.runs.max(1));
    let found = faults::every_operation(folder, stride)?;
    let tried = format!(
        "{} faults in {} operations of a run",
        found.injected, found.operations
    );
    Ok(Report {
        tried: vec![tried],
        lost: found.lost,
        said: found.said,
    })
}

/// How much a long run may grow.
const GROWTH: f64 = 1.02;

fn length(torture: &Torture, folder: &Path) -> Result<Report> {
    let steps = torture.share(100_000) as u64;
    let found = length::long_run(&torture.program, steps, folder)?;
    let mut report = Report {
        tried: vec![format!(
            "{} steps, {} looks: {:.1} MiB at a fifth, at most {:.2} % more later; {} open files, \
             {} later",
            found.steps,
            found.looks,
            found.memory as f64 / 1024.0 / 1024.0,
            (found.growth - 1.0) * 100.0,
            found.files[0],
            found.files[1],
        )],
        ..Report::default()
    };
    if found.growth > GROWTH {
        report
            .lost
            .push(format!("memory grew {:.4} times", found.growth));
    }
    if found.files[1] > found.files[0] {
        report
            .lost
            .push(format!("open files grew: {:?}", found.files));
    }
    Ok(report)
}

fn many(torture: &Torture, folder: &Path) -> Result<Report> {
    let count = torture.share(10_000);
    let time = length::many_runs(&torture.program, count, folder)?;
    Ok(Report {
        tried: vec![format!(
            "{count} runs listed in {:.2} s",
            time.as_secs_f64()
        )],
        ..Report::default()
    })
}
