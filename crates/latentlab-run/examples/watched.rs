//! Two runs in one process, each on a thread of its own with its own log; both are watched, and one is
//! stopped on the way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use latentlab_core::Registry;
use latentlab_run::train::EndedRun;
use latentlab_run::{Error, Experiment, Hook, Plan, Result, RunDir, Runner, Session};
use latentlab_train::{Record, StopReason, View, observers::Observer};
use toml::Table;

/// Says what happens, and stops the run after some steps.
struct Watch {
    name: &'static str,
    last: Option<u64>,
    stop: Arc<AtomicBool>,
}

/// The part of it that sees every step.
struct Steps {
    name: &'static str,
    last: Option<u64>,
    stop: Arc<AtomicBool>,
}

impl Hook for Watch {
    fn observers(&self, session: &Session, _: &RunDir) -> Result<Vec<Box<dyn Observer>>> {
        println!(
            "{}: {} steps are asked for",
            self.name, session.experiment.steps
        );
        Ok(vec![Box::new(Steps {
            name: self.name,
            last: self.last,
            stop: Arc::clone(&self.stop),
        })])
    }

    fn ended(&self, run: &EndedRun<'_>) -> Result<()> {
        println!(
            "{}: {} at step {}",
            self.name, run.summary.status, run.summary.step
        );
        Ok(())
    }
}

impl Observer for Steps {
    fn observe(
        &mut self,
        view: &View<'_>,
        record: &mut Record,
    ) -> latentlab_train::Result<Option<StopReason>> {
        if let Some(loss) = record.get("ae/loss") {
            println!("{}: step {}, loss {loss:.3}", self.name, view.step);
        }
        if self.last == Some(view.step) {
            self.stop.store(true, Ordering::Relaxed);
        }
        Ok(None)
    }
}

fn train(name: &'static str, seed: i64, last: Option<u64>) -> Result<()> {
    let registry = Registry::default().with(latentlab_models::plugin)?;
    let file = toml::toml! {
        steps = 60
        batch_size = 16
        metrics.every = 20
        data = { name = "ring", train = 256, test = 64 }
        model = { name = "ae", config = { hidden = [8], latent = 1 } }
    };
    let changes = Table::from_iter([("seed".to_owned(), seed.into())]);
    let folder = tempfile::tempdir().map_err(Error::file(&std::env::temp_dir()))?;
    let plan = Plan {
        name,
        experiment: Experiment::resolve(&file, &changes, &registry)?,
        overrides: changes,
        out: Some(&folder.path().join("run")),
        run_name: None,
        argv: Vec::new(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let watch = Watch {
        name,
        last,
        stop: Arc::clone(&stop),
    };
    let runner = Runner {
        hooks: &[&watch],
        ..Runner::new(&registry, &stop)
    };
    let ended = runner.start(plan)?;
    let log = ended.directory.join("train.log");
    let lines = std::fs::read_to_string(&log).map_err(Error::file(&log))?;
    println!(
        "{name}: {} lines in its own train.log",
        lines.lines().count()
    );
    // Asked for while a step is looked at, the end comes after the next.
    assert_eq!(ended.summary.step, last.map_or(60, |last| last + 1));
    Ok(())
}

fn main() -> Result<()> {
    let other = thread::spawn(|| train("stopped", 2, Some(30)));
    train("whole", 1, None)?;
    other.join().expect("no panic")
}
