//! Training what a paper takes.

use std::{path::Path, sync::atomic::AtomicBool};

use latentlab_core::Registry;
use latentlab_report::runner;
use toml::Table;

use super::{Paper, results::directory};
use latentlab_run::{
    Result, Status,
    train::{Plan, Standing},
};

impl Paper {
    /// Trains every run below `folder` that has not ended yet, or what is left of it, each with a
    /// word to `announce` before it. Says whether all have finished or one was interrupted.
    ///
    /// # Errors
    /// If an experiment is wrong, or its training fails.
    pub fn train(
        &self,
        folder: &Path,
        argv: &[String],
        registry: &Registry,
        interrupted: &AtomicBool,
        announce: impl Fn(&str),
    ) -> Result<Status> {
        for run in &self.runs {
            for seed in &run.seeds {
                let directory = directory(folder, self, run, *seed);
                let experiment = self.experiment(run, *seed, registry)?;
                let steps = experiment.steps;
                let words = match Standing::of(&directory, &experiment, registry)? {
                    Standing::Missing => format!("training {}, {steps} steps", directory.display()),
                    Standing::Begun => format!("resuming {}", directory.display()),
                    Standing::Ended => continue,
                };
                announce(&words);
                let plan = Plan {
                    name: &format!("{}-{}", self.name, run.name),
                    experiment,
                    overrides: Table::new(),
                    out: Some(&directory),
                    run_name: None,
                    argv: argv.to_vec(),
                };
                if runner(registry, interrupted).complete(plan)? == Status::Interrupted {
                    return Ok(Status::Interrupted);
                }
            }
        }
        Ok(Status::Finished)
    }
}
