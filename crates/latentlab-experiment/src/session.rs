//! An experiment brought to life: data, device, parameters, model.

use std::{path::Path, sync::Arc};

use candle_core::{DType, Device};
use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_tensor::{DeviceChoice, ParamStore};
use latentlab_train::{CheckpointStore, Snapshot};

use crate::{Error, Experiment, Result, error::guarded, run_dir::is_locked};

/// An experiment brought to life.
pub struct Session {
    /// What the session was built from.
    pub experiment: Experiment,
    /// The data, in memory.
    pub dataset: Arc<Dataset>,
    /// Where the tensors live.
    pub device: Device,
    /// The parameters of `model`.
    pub store: ParamStore,
    /// The model in training.
    pub model: Box<dyn GenerativeModel>,
    /// The model over averaged parameters, where the experiment keeps an average.
    pub average: Option<Average>,
}

/// The same model over a running average of the parameters.
pub struct Average {
    /// The averaged parameters.
    pub store: ParamStore,
    /// The model that reads them.
    pub model: Box<dyn GenerativeModel>,
}

impl Session {
    /// Opens the device and the data and builds the model, with initial parameters.
    ///
    /// # Errors
    /// If any of the three cannot be had as the experiment wants it.
    pub fn build(experiment: Experiment, registry: &Registry) -> Result<Self> {
        let device = experiment.device.parse::<DeviceChoice>()?.open()?;
        let data = DataConfig::from_table(&experiment.data)?;
        let dataset = Dataset::open(&data).map_err(latentlab_core::Error::from)?;
        if dataset.is_empty(Split::Test) {
            let problem = "has no test images to evaluate and draw; hold some out, for example \
                           with `data.test_fraction = 0.1`";
            return Err(latentlab_core::Error::config("data", problem).into());
        }
        let build_unguarded = || -> Result<(ParamStore, Box<dyn GenerativeModel>)> {
            let store = ParamStore::new(experiment.seed, DType::F32, &device);
            let entry = registry.get(&experiment.model.name)?;
            let config = &experiment.model.config;
            let model = entry.build(config, dataset.info(), &store.root())?;
            Ok((store, model))
        };
        let build = || guarded(&experiment.model.name, build_unguarded);
        let (store, model) = build()?;
        let average = match experiment.ema {
            Some(_) => {
                let (store, model) = build()?;
                store.freeze();
                Some(Average { store, model })
            }
            None => None,
        };
        Ok(Self {
            dataset: Arc::new(dataset),
            device,
            store,
            model,
            average,
            experiment,
        })
    }

    /// The trained model of a run directory, and its step: that of the latest checkpoint, or of the
    /// one marked as the best.
    ///
    /// # Errors
    /// If there is no such checkpoint, or it is damaged or of another model.
    pub fn of_run(directory: &Path, registry: &Registry, best: bool) -> Result<(Self, u64)> {
        let experiment = crate::train::read_experiment(directory, registry)?;
        let session = Self::build(experiment, registry)?;
        let checkpoints = CheckpointStore::open(directory.join("checkpoints"))?;
        let snapshot = match best {
            true => checkpoints.best()?,
            false => checkpoints.latest()?,
        };
        let snapshot = snapshot.ok_or_else(|| {
            let problem = match (best, is_locked(directory)) {
                (true, _) => "no checkpoint is marked as the best; set `checkpoint.best.metric`",
                (false, true) => {
                    "there is no checkpoint yet: the run is being trained, and leaves one every \
                     `checkpoint.every` steps"
                }
                (false, false) => "there is no checkpoint; take the run up again with `resume`",
            };
            Error::format(&directory.join("checkpoints"), problem)
        })?;
        session.load(&snapshot)?;
        Ok((session, snapshot.step))
    }

    /// The model to look at: the averaged one if there is one.
    pub fn shown(&self) -> &dyn GenerativeModel {
        match &self.average {
            Some(average) => &*average.model,
            None => &*self.model,
        }
    }

    fn load(&self, snapshot: &Snapshot) -> Result<()> {
        self.store.load(&snapshot.params)?;
        self.store.freeze();
        if let (Some(average), Some(ema)) = (&self.average, &snapshot.ema) {
            average.store.load(ema)?;
        }
        Ok(())
    }
}
