//! What the runs of a paper have come to.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use latentlab_core::Registry;
use latentlab_metrics::{Confidence, confidence};
use latentlab_train::{Record, observers::read_metrics};

use super::{Paper, Run};
use latentlab_run::{
    Result, run_dir,
    train::{Standing, Summary},
};

/// The runs of a paper that have ended.
#[derive(Debug, Default)]
pub struct Results {
    /// The runs that have ended with all seeds, by name, in the order of the seeds.
    pub ended: BTreeMap<String, Vec<Ended>>,
    /// The directories in which a run has not ended yet.
    pub missing: Vec<PathBuf>,
}

/// A run that has ended, with one seed.
#[derive(Debug)]
pub struct Ended {
    /// The seed.
    pub seed: u32,
    /// What was recorded, in the order of the steps.
    pub records: Vec<Record>,
    /// Seconds of training.
    pub seconds: f64,
}

impl Results {
    /// Reads the runs of `paper` below `folder` that are there.
    ///
    /// # Errors
    /// If an experiment of the paper is wrong, or a file of a run cannot be read.
    pub fn read(paper: &Paper, folder: &Path, registry: &Registry) -> Result<Self> {
        let mut results = Self::default();
        for run in &paper.runs {
            let mut ended = Vec::new();
            for seed in &run.seeds {
                let directory = directory(folder, paper, run, *seed);
                let experiment = paper.experiment(run, *seed, registry)?;
                if Standing::of(&directory, &experiment, registry)? != Standing::Ended {
                    results.missing.push(directory);
                    continue;
                }
                let summary: Summary = run_dir::read_json(&directory.join("summary.json"))?;
                ended.push(Ended {
                    seed: *seed,
                    records: read_metrics(directory.join("metrics.jsonl"))?,
                    seconds: summary.wall_s,
                });
            }
            if ended.len() == run.seeds.len() {
                results.ended.insert(run.name.clone(), ended);
            }
        }
        Ok(results)
    }

    /// The mean over the seeds of a run of the figure that `pick` finds among its records, if it
    /// does for each of them.
    pub(super) fn mean(
        &self,
        run: &str,
        pick: impl Fn(&[Record]) -> Option<f64>,
    ) -> Option<Confidence> {
        let ended = self.ended.get(run)?.iter();
        let figures: Option<Vec<f64>> = ended.map(|ended| pick(&ended.records)).collect();
        confidence(&figures?).ok()
    }

    /// Seconds of training of a run, over all seeds.
    pub(super) fn seconds(&self, run: &str) -> f64 {
        let ended = self.ended.get(run).into_iter().flatten();
        ended.map(|ended| ended.seconds).sum()
    }
}

/// Where a run of a paper with one seed lies.
pub(super) fn directory(folder: &Path, paper: &Paper, run: &Run, seed: u32) -> PathBuf {
    folder
        .join(&paper.name)
        .join(format!("{}-s{seed}", run.name))
}
