//! Where claims are measured: trains what they need, once, and takes it up again after a stop.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use candle_core::{Device, Tensor};
use latentlab_core::{Batch, GenerativeModel, Reconstruct, Registry};
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_evaluate::FeatureExtractor;
use latentlab_report::runner;
use latentlab_run::{
    Error, Experiment, Result, Session,
    train::{Plan, Standing},
};
use latentlab_train::{CheckpointStore, Record, observers::read_metrics};
use toml::Table;

/// Where claims are measured.
pub struct Lab {
    registry: Registry,
    folder: PathBuf,
    quick: bool,
    interrupted: AtomicBool,
    mnist: Dataset,
    digits: FeatureExtractor,
}

/// A trained model, with what was recorded on the way.
pub struct Trained {
    /// The experiment, its data and its model.
    pub session: Session,
    /// What was recorded, in the order of the steps.
    pub records: Vec<Record>,
    directory: PathBuf,
}

impl Lab {
    /// A lab that keeps its runs in `folder`; a `quick` one trains a fraction of the steps.
    ///
    /// # Errors
    /// If the data or the features that come with the program cannot be read.
    pub fn new(folder: &Path, quick: bool) -> Result<Self> {
        let data = DataConfig::from_table(&toml::toml! { name = "mnist" })?;
        Ok(Self {
            registry: Registry::default()
                .with(latentlab_models::plugin)?
                .with(crate::claims::plugin)?,
            folder: folder.join(if quick { "quick" } else { "full" }),
            quick,
            interrupted: AtomicBool::new(false),
            mnist: Dataset::open(&data).map_err(latentlab_core::Error::from)?,
            digits: FeatureExtractor::digits()?,
        })
    }

    /// Whether a fraction of the steps is to be trained.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// `full`, or `quick` in a quick lab.
    pub fn choose<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The classifier of digits that comes with the program.
    pub fn digits(&self) -> &FeatureExtractor {
        &self.digits
    }

    /// The first images of MNIST's training or test set, at most `count`, with their labels.
    ///
    /// # Errors
    /// If they do not fit into memory.
    pub fn mnist(&self, split: Split, count: usize) -> Result<Batch> {
        Ok(self.mnist.first(split, count, &Device::Cpu)?)
    }

    /// The experiment `file`, with the keys that all claims share, trained to its end under `name`.
    /// What was trained before with the same keys is taken as it is, or taken up again.
    ///
    /// # Errors
    /// If the experiment is wrong, or its training fails or was interrupted.
    pub fn train(&self, name: &str, file: &Table) -> Result<Trained> {
        let mut whole = toml::toml! {
            [metrics]
            every = 10
            [samples]
            every = 0
            [evaluate]
            every = 0
            [checkpoint]
            every = 1000
            keep = 1
        };
        latentlab_core::merge(&mut whole, file);
        let experiment = Experiment::resolve(&whole, &Table::new(), &self.registry)?;
        let directory = self.folder.join(name);
        if Standing::of(&directory, &experiment, &self.registry)? == Standing::Missing {
            eprintln!("training {name}, {} steps", experiment.steps);
        }
        let plan = Plan {
            name,
            experiment,
            overrides: Table::new(),
            out: Some(&directory),
            run_name: None,
            argv: std::env::args().collect(),
        };
        runner(&self.registry, &self.interrupted).complete(plan)?;
        let (session, _) = Session::of_run(&directory, &self.registry, false)?;
        Ok(Trained {
            session,
            records: read_metrics(directory.join("metrics.jsonl"))?,
            directory,
        })
    }
}

impl Trained {
    /// The model to look at.
    pub fn model(&self) -> &dyn GenerativeModel {
        self.session.shown()
    }

    /// The model's way to its latent space and back.
    ///
    /// # Errors
    /// If it has none.
    pub fn reconstructor(&self) -> Result<&dyn Reconstruct> {
        let model = self.model().reconstructor();
        model.ok_or_else(|| Error::Argument("the model does not reconstruct".to_owned()))
    }

    /// The last value of every figure.
    pub fn figures(&self) -> BTreeMap<&str, f64> {
        self.records.iter().flat_map(Record::iter).collect()
    }

    /// The last value of the figure `name`.
    ///
    /// # Errors
    /// If it was never recorded.
    pub fn figure(&self, name: &str) -> Result<f64> {
        self.figures().get(name).copied().ok_or_else(|| {
            let problem = format!("there is no figure `{name}`");
            Error::format(&self.directory.join("metrics.jsonl"), problem)
        })
    }

    /// Step and value of the figure `name`, wherever it was recorded.
    pub fn curve(&self, name: &str) -> Vec<(f64, f64)> {
        let points = self.records.iter();
        points
            .filter_map(|record| Some((record.step as f64, record.get(name)?)))
            .collect()
    }

    /// The model as it was at each of its checkpoints, handed to `look` with the step.
    ///
    /// # Errors
    /// Those of reading checkpoints and of `look`.
    pub fn at_checkpoints(&self, mut look: impl FnMut(u64, &Session) -> Result<()>) -> Result<()> {
        let checkpoints = CheckpointStore::open(self.directory.join("checkpoints"))?;
        for step in checkpoints.steps()? {
            self.session.store.load(&checkpoints.load(step)?.params)?;
            look(step, &self.session)?;
        }
        Ok(())
    }
}

/// `count` samples of a model in batches, with the stream of `seed`.
///
/// # Errors
/// If the model has no sampler.
pub(crate) fn samples(model: &dyn GenerativeModel, count: usize, seed: u64) -> Result<Tensor> {
    const CHUNK: usize = 2000;
    let sampler = model
        .sampler()
        .ok_or_else(|| Error::Argument("the model does not sample".to_owned()))?;
    let mut rng = latentlab_tensor::Rng::stream(seed, "claims/samples", 0);
    Ok(sampler.sample_in_batches(count, CHUNK, &mut rng)?)
}
