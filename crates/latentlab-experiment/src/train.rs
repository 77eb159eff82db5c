//! Starting a run, taking one up again, and what both leave in the run directory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::{DataConfig, Loader};
use latentlab_tensor::{Rng, encode_tensors};
use latentlab_train::{
    CheckpointStore, Ema, Outcome, PhaseTrainer, Record, Run, StopReason, Trainer,
    observers::{
        Checkpoints, Collapse, Divergence, Evaluate, MetricsFile, Observer, Pictures, Progress,
        Scalars, StopRules, read_metrics,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use toml::Table;

use crate::{
    Environment, Error, Experiment, Result, Resumption, RunDir, RunRecord, Session, Status,
    config::is_harmless,
    drawing, evaluation, logging,
    overrides::{Difference, differences},
    plots::plots,
    report::report,
    run_dir,
};

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
    /// The command line, for the record.
    pub argv: Vec<String>,
}

/// A run that has ended without an error.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its directory.
    pub directory: PathBuf,
    /// What `summary.json` says.
    pub summary: Summary,
    /// Why it ended.
    pub reason: StopReason,
}

/// The contents of `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// How the run ended.
    pub status: Status,
    /// The last step taken.
    pub step: u64,
    /// SHA-256 of the parameters as a safetensors file.
    pub params_sha256: String,
    /// The last value of every figure in `metrics.jsonl`.
    pub metrics: BTreeMap<String, f64>,
    /// Training images in each second of training, since the run was last taken up.
    pub images_per_second: f64,
    /// Seconds of training, in all.
    pub wall_s: f64,
}

impl Ended {
    /// What a person wants to read at the end.
    pub fn closing_words(&self) -> String {
        let directory = self.directory.display();
        let mut text = format!("{}, step {}: {directory}", self.reason, self.summary.step);
        for (name, value) in &self.summary.metrics {
            if name.starts_with("test/") && !name.contains("/kl/") {
                text.push_str(&format!("\n  {name:<28} {value:.4}"));
            }
        }
        let picture = format!("step-{:06}.png", self.summary.step);
        for file in [
            Path::new("samples").join(&picture),
            Path::new("reconstructions").join(&picture),
            PathBuf::from("report.html"),
        ] {
            let file = self.directory.join(file);
            if file.is_file() {
                text.push_str(&format!("\n  look at {}", file.display()));
            }
        }
        if self.summary.status == Status::Interrupted {
            text.push_str(&format!("\n  go on with `latentlab resume {directory}`"));
        }
        text
    }
}

/// Starts a run and trains to its end.
///
/// # Errors
/// Before anything is written for what the experiment gets wrong; later for what goes wrong in
/// training, which the run directory then says as well.
pub fn start(plan: Plan, registry: &Registry, interrupted: &AtomicBool) -> Result<Ended> {
    let session = Session::build(plan.experiment, registry)?;
    let trainer = trainer(&session)?;
    let id = run_dir::fresh_id(session.experiment.seed);
    let directory = RunDir::create(plan.out, plan.name, &id)?;
    let threads = candle_core::utils::get_num_threads();
    let record = RunRecord {
        schema: run_dir::SCHEMA,
        id,
        experiment: plan.name.to_owned(),
        status: Status::Running,
        argv: plan.argv,
        environment: Environment::current(threads, &session.experiment.device),
        data: session.dataset.fingerprints().to_vec(),
        started: run_dir::now(),
        ended: None,
        resumed: Vec::new(),
    };
    directory.write(
        CONFIG,
        session.experiment.to_table()?.to_string().as_bytes(),
    )?;
    directory.write("overrides.toml", plan.overrides.to_string().as_bytes())?;
    directory.write_json("run.json", &record)?;
    train(&session, trainer, &directory, record, interrupted)
}

/// Takes up the run in `directory` after its latest checkpoint, with `changes` to harmless keys.
///
/// # Errors
/// If `changes` would change what is computed, with the list of them.
pub fn resume(
    directory: &Path,
    changes: &Table,
    registry: &Registry,
    interrupted: &AtomicBool,
) -> Result<Ended> {
    let (experiment, changed) = resumable(directory, changes, registry)?;
    let session = Session::build(experiment, registry)?;
    let mut trainer = trainer(&session)?;
    let directory = RunDir::open(directory)?;
    let mut record: RunRecord = run_dir::read_json(&directory.join("run.json"))?;
    let data = session.dataset.fingerprints();
    if data != record.data {
        let problem = format!("the data have changed since the run began: now {data:?}");
        return Err(Error::format(&directory.join("run.json"), problem));
    }
    let checkpoints = CheckpointStore::open(directory.join("checkpoints"))?;
    if let Some(snapshot) = checkpoints.latest()? {
        let average = session.average.as_ref().map(|average| &average.store);
        snapshot.restore(&session.store, average, &mut trainer)?;
    }
    record.status = Status::Running;
    record.ended = None;
    record.resumed.push(Resumption {
        at: run_dir::now(),
        step: trainer.steps(),
        changed: changed
            .into_iter()
            .map(|difference| (difference.key, difference.before, difference.after))
            .collect(),
    });
    directory.write(
        CONFIG,
        session.experiment.to_table()?.to_string().as_bytes(),
    )?;
    directory.write_json("run.json", &record)?;
    train(&session, trainer, &directory, record, interrupted)
}

/// The experiment of a run directory with `changes` laid over it, and how it then differs.
///
/// # Errors
/// If a difference would change what is computed.
pub fn resumable(
    directory: &Path,
    changes: &Table,
    registry: &Registry,
) -> Result<(Experiment, Vec<Difference>)> {
    let before = read_experiment(directory, registry)?.to_table()?;
    let experiment = Experiment::resolve(&before, changes, registry)?;
    let found = differences(&before, &experiment.to_table()?);
    let ends_with_run = before
        .get("optimizer")
        .into_iter()
        .chain(
            before
                .get("optimizers")
                .and_then(|table| table.as_table())
                .into_iter()
                .flat_map(|table| table.values()),
        )
        .any(ends_with_run);
    let harmful: Vec<String> = found
        .iter()
        .filter(|found| !is_harmless(&found.key) || (found.key == "steps" && ends_with_run))
        .map(|found| {
            format!(
                "  {}: {} before, now {}",
                found.key, found.before, found.after
            )
        })
        .collect();
    if harmful.is_empty() {
        return Ok((experiment, found));
    }
    Err(Error::Argument(format!(
        "{} cannot go on with another configuration:\n{}\nstart a new run for that; only what is \
         recorded, how long it goes on and on how many threads may change{}",
        directory.display(),
        harmful.join("\n"),
        if ends_with_run {
            " (`steps` as well, if no schedule ends with the run: give it `steps` of its own)"
        } else {
            ""
        }
    )))
}

/// Whether an optimizer's learning rate follows the length of the run.
fn ends_with_run(optimizer: &toml::Value) -> bool {
    let schedule = optimizer.get("schedule");
    schedule.is_some_and(|schedule| {
        let name = schedule.get("name").and_then(|name| name.as_str());
        matches!(name, Some("linear" | "cosine")) && schedule.get("steps").is_none()
    })
}

/// The experiment that a run directory was made with.
pub fn read_experiment(directory: &Path, registry: &Registry) -> Result<Experiment> {
    let file = directory.join(CONFIG);
    if !file.is_file() {
        return Err(Error::Argument(format!(
            "{} is no run directory: it has no {CONFIG}",
            directory.display()
        )));
    }
    let text = std::fs::read_to_string(&file).map_err(Error::file(&file))?;
    let table: Table = text.parse().map_err(|error| Error::format(&file, error))?;
    Experiment::resolve(&table, &Table::new(), registry)
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

/// The loop, and what it leaves behind however it ends.
fn train(
    session: &Session,
    mut trainer: PhaseTrainer,
    directory: &RunDir,
    mut record: RunRecord,
    interrupted: &AtomicBool,
) -> Result<Ended> {
    logging::start(directory.path())?;
    let experiment = &session.experiment;
    let from = trainer.steps();
    tracing::info!(
        experiment = record.experiment,
        from,
        to = experiment.steps,
        "training"
    );
    let metrics = directory.join(METRICS);
    let metrics_file = MetricsFile::open(&metrics, from)?;
    let past = read_metrics(&metrics)?;
    let before = past.last().map_or(Duration::ZERO, |record| {
        Duration::from_secs_f64(record.elapsed_s.max(0.0))
    });
    let mut observers = observers(session, directory, metrics_file)?;
    for observer in &mut observers {
        past.iter().for_each(|record| observer.replay(record));
    }
    let options = DataConfig::from_table(&experiment.data)?.options;
    let mut loader = Loader::new(
        Arc::clone(&session.dataset),
        experiment.batch_size,
        experiment.seed,
        options.workers,
        &session.device,
    )?;
    let began = Instant::now();
    let clock = || before + began.elapsed();
    let outcome = latentlab_train::run(Run {
        model: &*session.model,
        shown: session.shown(),
        store: &session.store,
        averaged: session.average.as_ref().map(|average| &average.store),
        trainer: &mut trainer,
        data: &mut loader,
        observers: &mut observers,
        steps: experiment.steps,
        interrupted,
        clock: &clock,
    });
    drop(observers);
    let status = match &outcome {
        Ok(Outcome {
            reason: StopReason::Interrupted,
            ..
        }) => Status::Interrupted,
        Ok(_) => Status::Finished,
        Err(latentlab_train::Error::Diverged { .. }) => Status::Diverged,
        Err(_) => Status::Failed,
    };
    let records = read_metrics(&metrics)?;
    let seconds = began.elapsed().as_secs_f64();
    let images = (trainer.steps() - from) as f64 * experiment.batch_size as f64;
    let summary = Summary {
        status,
        step: trainer.steps(),
        params_sha256: sha256(&encode_tensors(&session.store.tensors())?),
        metrics: last_values(&records),
        images_per_second: images / seconds.max(f64::EPSILON),
        wall_s: clock().as_secs_f64(),
    };
    for (name, svg) in plots(&records) {
        directory.write(&format!("plots/{name}"), svg.as_bytes())?;
    }
    directory.write_json("summary.json", &summary)?;
    record.status = status;
    record.ended = Some(run_dir::now());
    directory.write_json("run.json", &record)?;
    let ending = match &outcome {
        Ok(outcome) => outcome.reason.to_string(),
        Err(error @ latentlab_train::Error::Diverged { .. }) => error.to_string(),
        Err(_) => "train.log says why".to_owned(),
    };
    let page = report(
        directory.path(),
        &record,
        experiment,
        &summary,
        &ending,
        &records,
    )?;
    directory.write("report.html", page.as_bytes())?;
    match &outcome {
        Ok(outcome) => tracing::info!(step = outcome.step, "{}", outcome.reason),
        Err(error) => tracing::info!("{error}"),
    }
    Ok(Ended {
        directory: directory.path().to_owned(),
        summary,
        reason: outcome?.reason,
    })
}

/// Who looks at each step, in the order in which they need each other's figures.
fn observers(
    session: &Session,
    directory: &RunDir,
    metrics_file: MetricsFile,
) -> Result<Vec<Box<dyn Observer>>> {
    let experiment = &session.experiment;
    let seed = experiment.seed;
    let evaluation = evaluation::Evaluation::of(session)?;
    let dataset = Arc::clone(&session.dataset);
    let count = experiment.samples.count;
    let draw_samples = move |model: &dyn GenerativeModel| {
        let mut rng = Rng::stream(seed, "samples", 0);
        drawing::samples(model, &dataset, count, &mut rng).map_err(into_train)
    };
    let dataset = Arc::clone(&session.dataset);
    let device = session.device.clone();
    let draw_reconstructions = move |model: &dyn GenerativeModel| {
        drawing::reconstructions(model, &dataset, count / 2, &device).map_err(into_train)
    };
    let checkpoint = &experiment.checkpoint;
    let best = checkpoint.best.as_ref();
    let checkpoints = Checkpoints::new(
        CheckpointStore::open(directory.join("checkpoints"))?,
        checkpoint.every,
        checkpoint.keep,
        best.map(|best| (best.metric.clone(), best.goal)),
        seed,
        json!({ "model": experiment.model.name }),
    );
    Ok(vec![
        Box::new(Scalars {
            every: experiment.metrics.every,
        }),
        Box::new(Divergence {
            every: checkpoint.every,
        }),
        Box::new(Evaluate {
            every: experiment.evaluate.every,
            evaluate: Box::new(move |model, _| evaluation.measure(model)),
        }),
        Box::new(Collapse::default()),
        Box::new(StopRules::new(experiment.stop.clone())),
        Box::new(Pictures {
            every: experiment.samples.every,
            draw: Box::new(draw_samples),
            directory: directory.join("samples"),
            prefix: "step".to_owned(),
        }),
        Box::new(Pictures {
            every: experiment.samples.every,
            draw: Box::new(draw_reconstructions),
            directory: directory.join("reconstructions"),
            prefix: "step".to_owned(),
        }),
        Box::new(metrics_file),
        Box::new(Progress::new(experiment.steps, experiment.batch_size)),
        Box::new(checkpoints),
    ])
}

/// An error of a drawing as one of training, inside of which it happens.
fn into_train(error: Error) -> latentlab_train::Error {
    match error {
        Error::Train(error) => error,
        Error::Model(error) => error.into(),
        other => latentlab_core::Error::Data(other.to_string()).into(),
    }
}

fn last_values(records: &[Record]) -> BTreeMap<String, f64> {
    let mut last = BTreeMap::new();
    for record in records {
        for (name, value) in record.iter() {
            last.insert(name.to_owned(), value);
        }
    }
    last
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
