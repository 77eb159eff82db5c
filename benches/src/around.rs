//! What a run costs around its training steps: data, observers, records.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Batch, GenerativeModel, Registry};
use latentlab_data::{DataConfig, Dataset, Loader};
use latentlab_tensor::ParamStore;
use latentlab_train::{
    Observer, PhaseTrainer, Run, StepReport, TrainConfig, Trainer,
    observers::{
        Collapse, Divergence, EXPLOSION, MetricsFile, Progress, Scalars, StopConfig, StopRules,
    },
    run,
};

use crate::{Result, Workload};

/// Steps that are taken.
const STEPS: u64 = 1500;

/// Trains workload `a` on the digits that come with the project, with the observers of a run that
/// look at every step, and returns the share of the time that passes outside of the training steps.
///
/// # Errors
/// If a metrics file cannot be written to the system's folder for temporary files.
pub fn share_around_steps() -> Result<f64> {
    let workload = Workload::named("a", None, 1.0)?;
    let data = DataConfig::from_table(&"name = 'mnist'".parse()?)?;
    let workers = data.options.workers;
    let dataset = Arc::new(Dataset::open(&data)?);
    let store = ParamStore::new(1, DType::F32, &Device::Cpu);
    let registry = Registry::default().with(latentlab_models::plugin)?;
    let config = workload.config().parse()?;
    let model = registry
        .get("ae")?
        .build(&config, dataset.info(), &store.root())?;
    let train = TrainConfig::default();
    let mut trainer = Timed {
        inner: PhaseTrainer::new(&*model, &store, &train, STEPS, 1)?,
        busy: Duration::ZERO,
    };
    let batch = workload.batch();
    let mut loader = Loader::new(dataset, batch, 1, workers, &Device::Cpu)?;
    let name = format!("latentlab-bench-{}.jsonl", std::process::id());
    let file = std::env::temp_dir().join(name);
    let mut observers: Vec<Box<dyn Observer>> = vec![
        Box::new(Scalars::new(10)),
        Box::new(Divergence::new(500, EXPLOSION)),
        Box::new(Collapse::default()),
        Box::new(StopRules::new(StopConfig::default())),
        Box::new(MetricsFile::open(&file, 0, 500, None)?),
        Box::new(Progress::new(STEPS, batch)),
    ];
    let start = Instant::now();
    let outcome = run(Run {
        model: &*model,
        shown: &*model,
        store: &store,
        averaged: None,
        trainer: &mut trainer,
        data: &mut loader,
        observers: &mut observers,
        steps: STEPS,
        interrupted: &AtomicBool::new(false),
        clock: &|| start.elapsed(),
    });
    let whole = start.elapsed().as_secs_f64();
    drop(observers);
    std::fs::remove_file(&file)?;
    outcome?;
    Ok(1.0 - trainer.busy.as_secs_f64() / whole)
}

/// A trainer that adds up the time of its steps.
struct Timed {
    inner: PhaseTrainer,
    busy: Duration,
}

impl Trainer for Timed {
    fn step(
        &mut self,
        model: &dyn GenerativeModel,
        batch: &Batch,
    ) -> latentlab_train::Result<StepReport> {
        let start = Instant::now();
        let report = self.inner.step(model, batch);
        self.busy += start.elapsed();
        report
    }

    fn steps(&self) -> u64 {
        self.inner.steps()
    }

    fn state(&self) -> latentlab_train::Result<BTreeMap<String, Tensor>> {
        self.inner.state()
    }

    fn restore(
        &mut self,
        steps: u64,
        state: &BTreeMap<String, Tensor>,
    ) -> latentlab_train::Result<()> {
        self.inner.restore(steps, state)
    }
}
