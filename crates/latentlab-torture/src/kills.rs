//! Runs killed at random moments, several times each, end as if nothing had happened.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use latentlab_run::reproduction::compare;
use latentlab_tensor::Rng;

use crate::{Error, Program, Result};

/// Steps of a run that is killed.
const STEPS: u64 = 60;

/// An experiment whose runs are killed.
#[derive(Clone, Copy, Debug)]
pub struct Victim {
    /// What it is called.
    pub name: &'static str,
    /// The experiment file, where it is none that comes with the program.
    pub file: Option<&'static str>,
}

/// The runs that are killed.
pub const VICTIMS: [Victim; 4] = [
    Victim {
        name: "ae-mnist",
        file: None,
    },
    Victim {
        name: "vae-mnist",
        file: None,
    },
    Victim {
        name: "gan-mnist",
        file: None,
    },
    Victim {
        name: "denoising-mnist",
        file: Some(include_str!(
            "../../latentlab-example-denoising/denoising-mnist.toml"
        )),
    },
];

/// What came of killing.
#[derive(Clone, Debug, Default)]
pub struct Kills {
    /// Processes killed.
    pub killed: usize,
    /// Runs that they were of.
    pub runs: usize,
    /// Kills that met a run before its first checkpoint.
    pub before_a_checkpoint: usize,
    /// Kills inside of a save, which left a part of it behind.
    pub inside_a_save: usize,
    /// Kills after the last step, while the report was made.
    pub while_ending: usize,
    /// Files compared with those of the uninterrupted run.
    pub files: usize,
    /// What was not as in the uninterrupted run.
    pub lost: Vec<String>,
}

/// One run that is killed and taken up again.
struct Run<'a> {
    program: &'a Program,
    experiment: &'a str,
    directory: PathBuf,
}

impl Victim {
    /// Kills `kills` processes of runs in `folder`, up to four of each run.
    ///
    /// # Errors
    /// If the program cannot be started, or fails when nobody kills it.
    pub fn kill(
        &self,
        program: &Program,
        kills: usize,
        rng: &mut Rng,
        folder: &Path,
    ) -> Result<Kills> {
        let mut experiment = self.name.to_owned();
        if let Some(text) = self.file {
            let file = folder.join(format!("{}.toml", self.name));
            fs::write(&file, text).map_err(Error::file(&file))?;
            experiment = file.display().to_string();
        }
        let run = |name: &str| Run {
            program,
            experiment: &experiment,
            directory: folder.join(name),
        };
        let whole = run("whole");
        let began = Instant::now();
        whole.end()?;
        let time = began.elapsed();
        let mut found = Kills::default();
        while found.killed < kills {
            let killed = run(&format!("killed-{}", found.runs));
            let most = (kills - found.killed).min(1 + rng.below(4) as usize);
            for _ in 0..most {
                if !killed.kill_after(time.mul_f64(rng.unit()))? {
                    break;
                }
                killed.note(&mut found);
            }
            killed.end()?;
            found.runs += 1;
            let compared = compare(&whole.directory, &killed.directory)?;
            found.files += compared.equal.len();
            for (file, difference) in &compared.different {
                let (run, file) = (killed.directory.display(), file.display());
                found.lost.push(format!("{run}: {file} {difference}"));
            }
            if compared.different.is_empty() {
                let directory = &killed.directory;
                fs::remove_dir_all(directory).map_err(Error::file(directory))?;
            }
        }
        Ok(found)
    }
}

impl Run<'_> {
    /// The words that start the run, or take it up again.
    fn next(&self) -> Vec<String> {
        let directory = self.directory.display().to_string();
        if self.directory.join("run.json").is_file() {
            return vec!["resume".to_owned(), directory];
        }
        let steps = STEPS.to_string();
        let words = [
            "experiment",
            self.experiment,
            "--smoke",
            "--steps",
            &steps,
            "--set",
            "samples.every=10",
            "--set",
            "evaluate.every=20",
            "--out",
            &directory,
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Lets the run end by itself.
    fn end(&self) -> Result<()> {
        self.program.succeed(&self.next())
    }

    /// Starts the run and kills it after this time; says whether it was still at work.
    fn kill_after(&self, time: Duration) -> Result<bool> {
        let process = self.program.start(&self.next())?;
        thread::sleep(time);
        process.kill()
    }

    /// Notes what the kill met.
    fn note(&self, found: &mut Kills) {
        found.killed += 1;
        let left = |part: &str| {
            let names = fs::read_dir(self.directory.join("checkpoints"));
            let mut names = names.into_iter().flatten().flatten();
            names.any(|entry| entry.file_name().to_string_lossy().contains(part))
        };
        if left(".unfinished-") || left(".removed-") || left(".tmp") {
            found.inside_a_save += 1;
        } else if !left("LATEST") {
            found.before_a_checkpoint += 1;
        } else if left(&format!("step-{STEPS:06}")) {
            found.while_ending += 1;
        }
    }
}
