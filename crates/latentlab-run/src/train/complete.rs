//! Whatever is left to do of a run: all of it, the rest, or nothing.
//!
//! Who asks for a run in a directory of its own gets the same run whether it was asked for before,
//! was stopped on the way, or has ended.

use std::{fs, path::Path};

use latentlab_core::Registry;
use toml::Table;

use super::{CONFIG, Plan, Runner, read_experiment};
use crate::{Error, Experiment, Result, RunRecord, Status};

/// How far a run is that is wanted in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not begun; a run of another experiment may be in its place.
    Missing,
    /// It was stopped, or its process is at work.
    Begun,
    /// It has ended by itself.
    Ended,
}

impl Standing {
    /// How far the run of `experiment` in `directory` is.
    ///
    /// # Errors
    /// If `run.json` cannot be read.
    pub fn of(directory: &Path, experiment: &Experiment, registry: &Registry) -> Result<Self> {
        let record = directory.join("run.json");
        // A configuration that cannot be read any more is one of another experiment.
        let known = read_experiment(directory, registry).ok();
        let known = known.map(|known| known.wanted_by(experiment).to_table());
        let known = known.transpose()?;
        if known != Some(experiment.to_table()?) || !record.is_file() {
            return Ok(Self::Missing);
        }
        let record = RunRecord::read(directory)?;
        let has_summary = directory.join("summary.json").is_file();
        Ok(match record.status {
            Status::Finished if has_summary => Self::Ended,
            _ => Self::Begun,
        })
    }
}

impl Runner<'_> {
    /// Trains the run of `plan` to its end, or the rest of it, or leaves it as it is if it has ended. A
    /// run of another experiment in its place is removed. Says whether the run has now finished or was
    /// interrupted.
    ///
    /// # Errors
    /// If `plan` names no directory; those of [`start`](Self::start) and [`resume`](Self::resume).
    pub fn complete(&self, plan: Plan) -> Result<Status> {
        let directory = plan.out.ok_or_else(|| {
            let name = plan.name;
            Error::Argument(format!(
                "`{name}` needs a directory to be taken up again in"
            ))
        })?;
        let ended = match Standing::of(directory, &plan.experiment, self.registry)? {
            Standing::Ended => return Ok(Status::Finished),
            Standing::Begun => self.resume(directory, &Table::new())?,
            Standing::Missing => {
                remove_run(directory)?;
                self.start(plan)?
            }
        };
        Ok(ended.summary.status)
    }
}

/// Removes a run directory; what is none is left for the start to refuse.
fn remove_run(directory: &Path) -> Result<()> {
    match directory.join(CONFIG).is_file() {
        true => fs::remove_dir_all(directory).map_err(Error::file(directory)),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn registry() -> Registry {
        Registry::default().with(latentlab_models::plugin).unwrap()
    }

    fn experiment(steps: i64) -> Experiment {
        let mut file = toml::toml! {
            batch_size = 8
            [data]
            name = "ring"
            train = 64
            test = 16
            [model]
            name = "ae"
            [model.config]
            hidden = [4]
            latent = 1
        };
        file.insert("steps".to_owned(), steps.into());
        Experiment::resolve(&file, &Table::new(), &registry()).unwrap()
    }

    fn plan(directory: &Path, steps: i64) -> Plan<'_> {
        Plan {
            name: "test",
            experiment: experiment(steps),
            overrides: Table::new(),
            out: Some(directory),
            run_name: None,
            argv: Vec::new(),
        }
    }

    fn started(directory: &Path) -> (String, Status, usize) {
        let record = RunRecord::read(directory).unwrap();
        (record.id, record.status, record.resumed.len())
    }

    #[test]
    fn an_ended_run_is_left_alone_and_one_of_another_experiment_is_trained_anew() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("run");
        let go = AtomicBool::new(false);
        let standing = |steps| Standing::of(&directory, &experiment(steps), &registry()).unwrap();
        assert_eq!(standing(3), Standing::Missing);
        Runner::new(&registry(), &go)
            .complete(plan(&directory, 3))
            .unwrap();
        let (first, status, _) = started(&directory);
        assert_eq!((standing(3), status), (Standing::Ended, Status::Finished));
        Runner::new(&registry(), &go)
            .complete(plan(&directory, 3))
            .unwrap();
        assert_eq!(started(&directory), (first.clone(), Status::Finished, 0));
        assert_eq!(standing(4), Standing::Missing);
        Runner::new(&registry(), &go)
            .complete(plan(&directory, 4))
            .unwrap();
        assert_ne!(started(&directory).0, first);
        assert_eq!(standing(4), Standing::Ended);
    }

    #[test]
    fn an_interrupted_run_is_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("run");
        let stop = AtomicBool::new(true);
        let status = Runner::new(&registry(), &stop)
            .complete(plan(&directory, 3))
            .unwrap();
        assert_eq!(status, Status::Interrupted);
        let (first, ..) = started(&directory);
        let go = AtomicBool::new(false);
        Runner::new(&registry(), &go)
            .complete(plan(&directory, 3))
            .unwrap();
        assert_eq!(started(&directory), (first, Status::Finished, 1));
    }

    #[test]
    fn what_is_no_run_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("precious"), b"").unwrap();
        let go = AtomicBool::new(false);
        assert!(
            Runner::new(&registry(), &go)
                .complete(plan(folder.path(), 3))
                .is_err()
        );
        assert!(folder.path().join("precious").is_file());
    }
}
