//! Starting a run, taking one up again, and what both leave in the run directory.

mod complete;
mod finish;
mod named;
mod observers;
mod possession;
mod resume;
mod runner;

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use latentlab_core::Registry;
use latentlab_data::{DataConfig, Loader};
use latentlab_optim::Ema;
use latentlab_train::{
    CheckpointStore, PhaseTrainer, Run, Trainer,
    observers::{read_metrics, surely_saved},
};
use toml::Table;

pub use complete::Standing;
pub use finish::{Ended, Summary};
pub use resume::{Reschedule, read_experiment, resumable};
pub use runner::{EndedRun, Hook, Runner};

use crate::{
    Environment, Error, Experiment, Result, Resumption, RunDir, RunRecord, Session, Status, Taken,
    data_info,
    error::guarded,
    initial::initialise,
    logging, run_dir,
    run_model::{check_data, perhaps_moved},
};
use finish::{Ending, finish, saved_at_end};
use latentlab_evaluate::Evaluation;
use named::check_figures;
use observers::observers;

const METRICS: &str = "metrics.jsonl";
const CONFIG: &str = "config.toml";

/// What to start.
pub struct Plan<'a> {
    /// Name of the experiment.
    pub name: &'a str,
    /// The resolved experiment.
    pub experiment: Experiment,
    /// What the command line changed in its file.
    pub overrides: Table,
    /// The run directory; one below `runs/` without it.
    pub out: Option<&'a Path>,
    /// What the run is to be called; its directory below `runs/` is called so as well.
    pub run_name: Option<&'a str>,
    /// The command line, for the record.
    pub argv: Vec<String>,
}

/// Everything that training needs but the run directory: what can go wrong here goes wrong before
/// anything is written.
struct Prepared {
    session: Session,
    trainer: PhaseTrainer,
    loader: Loader,
    evaluation: Evaluation,
    environment: Environment,
}

impl Runner<'_> {
    /// Starts a run and trains to its end.
    ///
    /// # Errors
    /// Before anything is written for what the experiment gets wrong; later for what goes wrong in
    /// training, which the run directory then says as well.
    pub fn start(&self, plan: Plan) -> Result<Ended> {
        let (prepared, init_from) = Prepared::anew(plan.experiment, self.registry)?;
        let experiment = &prepared.session.experiment;
        let id = run_dir::fresh_id(experiment.seed);
        let directory = RunDir::create(plan.out, plan.name, plan.run_name.unwrap_or(&id))?;
        let record = RunRecord {
            schema: run_dir::SCHEMA,
            id,
            experiment: plan.name.to_owned(),
            name: plan.run_name.map(str::to_owned),
            init_from,
            data_summary: Some(prepared.session.dataset.summary().clone()),
            status: Status::Running,
            argv: plan.argv,
            environment: prepared.environment.clone(),
            data: prepared.session.dataset.fingerprints().to_vec(),
            started: run_dir::now(),
            ended: None,
            resumed: Vec::new(),
        };
        directory.write(CONFIG, experiment.to_table()?.to_string().as_bytes())?;
        directory.write("overrides.toml", plan.overrides.to_string().as_bytes())?;
        directory.write(
            data_info::FILE,
            &data_info::encode(prepared.session.dataset.info())?,
        )?;
        directory.write_json("run.json", &record)?;
        let _log = logging::start(directory.path())?;
        // What was done to somebody's data is said, not only written down; a closed stream hears nothing.
        let _ = writeln!(io::stderr(), "{}", prepared.session.dataset.summary());
        prepared.train(&directory, record, self)
    }

    /// Takes up the run in `directory` after its latest checkpoint, with `changes` to harmless keys.
    ///
    /// # Errors
    /// If `changes` would change what is computed, with the list of them.
    pub fn resume(&self, directory: &Path, changes: &Table) -> Result<Ended> {
        self.resume_with(directory, changes, None)
    }

    /// [`resume`](Self::resume) with learning rates that were to end with the run and now end later.
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume); if no learning rate ends.
    pub fn resume_with(
        &self,
        directory: &Path,
        changes: &Table,
        reschedule: Option<Reschedule>,
    ) -> Result<Ended> {
        let (experiment, changed) = resumable(directory, changes, reschedule, self.registry)?;
        let data = experiment.data.clone();
        let mut prepared = Prepared::again(experiment, self.registry)
            .map_err(|error| perhaps_moved(error, directory, &data))?;
        let directory = RunDir::open(directory)?;
        let mut record = RunRecord::read(directory.path())?;
        check_data(directory.path(), &record, &prepared.session.dataset)?;
        let checkpoints = CheckpointStore::open(directory.join("checkpoints"))?;
        checkpoints.recover()?;
        let metrics = directory.join(METRICS);
        let past = match metrics.is_file() {
            true => read_metrics(&metrics)?,
            false => Vec::new(),
        };
        let checkpoint = &prepared.session.experiment.checkpoint;
        let best = checkpoint.best.as_ref().map(|best| best.metric.as_str());
        let saved = surely_saved(&past, checkpoint.every, best).max(saved_at_end(directory.path()));
        if let Some(snapshot) = checkpoints.latest_of(saved)? {
            if !metrics.is_file() {
                let problem = format!(
                    "is missing, though {} steps are taken: put it back, or make an empty one in its place \
                     to go on without what it said of them",
                    snapshot.step
                );
                return Err(Error::format(&metrics, problem));
            }
            checkpoints.require_record_of_best(&metrics, &past)?;
            let Prepared {
                session, trainer, ..
            } = &mut prepared;
            if snapshot.seed != session.experiment.seed {
                let (theirs, ours) = (snapshot.seed, session.experiment.seed);
                let problem = format!(
                    "the checkpoint of step {} is another run's: its seed is {theirs}, not {ours}",
                    snapshot.step
                );
                return Err(Error::format(&directory.join("checkpoints"), problem));
            }
            let average = session.average.as_ref().map(|average| &average.store);
            snapshot.restore(&session.store, average, trainer)?;
        }
        let (taken, wanted) = (prepared.trainer.steps(), prepared.session.experiment.steps);
        if taken > wanted {
            let problem =
                format!("must be at least {taken}, the steps that are taken, not {wanted}");
            return Err(latentlab_core::Error::config("steps", problem).into());
        }
        let _log = logging::start(directory.path())?;
        for difference in record.environment.differences(&prepared.environment) {
            tracing::warn!("resumed in another environment, so the bytes may differ: {difference}");
        }
        directory.unmark_failed()?;
        record.status = Status::Running;
        record.ended = None;
        record.resumed.push(Resumption {
            at: run_dir::now(),
            step: taken,
            environment: prepared.environment.clone(),
            schedule: reschedule,
            changed: changed
                .into_iter()
                .map(|difference| (difference.key, difference.before, difference.after))
                .collect(),
        });
        let table = prepared.session.experiment.to_table()?;
        directory.write(CONFIG, table.to_string().as_bytes())?;
        directory.write_json("run.json", &record)?;
        prepared.train(&directory, record, self)
    }
}

impl Prepared {
    /// A run that begins, with initial parameters of its own or of another run.
    fn anew(experiment: Experiment, registry: &Registry) -> Result<(Self, Option<Taken>)> {
        let mut session = Session::build(experiment, registry)?;
        let taken = initialise(&mut session)?;
        Ok((Self::of(session, registry)?, taken))
    }

    /// A run that goes on: its parameters are those of its checkpoint.
    fn again(experiment: Experiment, registry: &Registry) -> Result<Self> {
        Self::of(Session::build(experiment, registry)?, registry)
    }

    fn of(session: Session, registry: &Registry) -> Result<Self> {
        let experiment = &session.experiment;
        let (images, parts) = (experiment.batch_size, experiment.accumulate);
        for part in [images / parts, images.div_ceil(parts)] {
            session.model.check_batch_size(part)?;
        }
        let options = DataConfig::from_table(&experiment.data)?.options;
        let loader = Loader::new(
            Arc::clone(&session.dataset),
            experiment.batch_size,
            experiment.seed,
            options.workers,
            &session.device,
        )?;
        let threads = candle_core::utils::get_num_threads();
        let evaluation = session.evaluation(registry)?;
        check_figures(&session, &evaluation)?;
        Ok(Self {
            trainer: trainer(&session)?,
            loader,
            evaluation,
            environment: Environment::current(threads, &session.device),
            session,
        })
    }

    /// The loop, and what it leaves behind however it ends.
    fn train(self, directory: &RunDir, record: RunRecord, runner: &Runner<'_>) -> Result<Ended> {
        let Self {
            session,
            mut trainer,
            mut loader,
            evaluation,
            ..
        } = self;
        let (from, to) = (trainer.steps(), session.experiment.steps);
        if let Some(warning) = session.experiment.ema.and_then(|ema| ema.warning(to)) {
            tracing::warn!("{warning}");
        }
        for line in session.dataset.summary().to_string().lines() {
            tracing::info!("{line}");
        }
        tracing::info!(experiment = record.experiment, from, to, "training");
        let test_images = evaluation.test_images().len();
        let (past, mut observers) = observers(&session, directory, evaluation, from, runner.hooks)
            .map_err(|error| directory.place().reason(error))?;
        let before = past
            .last()
            .and_then(|record| Duration::try_from_secs_f64(record.elapsed_s).ok());
        let before = before.unwrap_or_default();
        for observer in &mut observers {
            past.iter().for_each(|record| observer.replay(record));
        }
        let began = Instant::now();
        let clock = || before.saturating_add(began.elapsed());
        let run = Run {
            model: &*session.model,
            shown: session.shown(),
            store: &session.store,
            averaged: session.average.as_ref().map(|average| &average.store),
            trainer: &mut trainer,
            data: &mut loader,
            observers: &mut observers,
            steps: to,
            interrupted: runner.interrupted,
            clock: &clock,
        };
        let name = &session.experiment.model.name;
        let outcome = guarded(name, || Ok(latentlab_train::run(run)?));
        let outcome = outcome.map_err(|error| directory.place().reason(error));
        drop(observers);
        match &outcome {
            Ok(outcome) => tracing::info!(step = outcome.step, "{}", outcome.reason),
            Err(error) => tracing::info!("{error}"),
        }
        let ending = Ending {
            outcome: &outcome,
            steps: (trainer.steps() - from, trainer.steps()),
            seconds: (began.elapsed().as_secs_f64(), clock().as_secs_f64()),
        };
        let finished = guarded(name, || {
            finish(&session, directory, record, &ending, runner.hooks)
        });
        // What ended the training says more than what then went wrong with the report.
        let directory = directory.path().to_owned();
        match outcome {
            Ok(outcome) => {
                let (summary, came) = finished?;
                Ok(Ended {
                    directory,
                    summary,
                    reason: outcome.reason,
                    test_images,
                    expectations: session.experiment.expect.into_iter().zip(came).collect(),
                })
            }
            Err(error) => Err(Error::Ended {
                directory,
                model: session.experiment.model.name,
                source: Box::new(error),
            }),
        }
    }
}

fn trainer(session: &Session) -> Result<PhaseTrainer> {
    let experiment = &session.experiment;
    let trainer = PhaseTrainer::new(
        &*session.model,
        &session.store,
        &experiment.training(),
        experiment.steps,
        experiment.seed,
    )?;
    Ok(match (&session.average, experiment.ema) {
        (Some(average), Some(config)) => {
            trainer.with_ema(Ema::new(&session.store, &average.store, config)?)
        }
        _ => trainer,
    })
}
