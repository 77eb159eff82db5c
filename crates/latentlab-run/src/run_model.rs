//! The trained model of a run directory, with the data that it was trained on or without.

use std::path::Path;

use candle_core::Device;
use latentlab_core::{DataInfo, GenerativeModel, Registry};
use latentlab_data::{Dataset, Summary};
use latentlab_evaluate::FeatureNetwork;
use latentlab_tensor::{DeviceChoice, ParamStore};
use latentlab_train::{CheckpointStore, Snapshot};
use toml::Table;

use crate::{
    Error, Experiment, Result, RunRecord, Session,
    built::{Average, Built, Use},
    config::{is_location, location},
    data_info,
    overrides::differences,
    run_dir::{is_locked, required},
    session::{open_data, shown},
    train::read_experiment,
};

/// Which trained model of which run directory.
#[derive(Clone, Copy, Debug)]
pub struct RunModel<'a> {
    /// The run directory.
    pub directory: &'a Path,
    /// The checkpoint that is marked as the best instead of the latest.
    pub best: bool,
    /// Where the data lie now, such as `data.dir`, if not where they lay.
    pub changes: &'a Table,
}

/// A trained model without its data.
pub struct Trained {
    /// What it was trained by.
    pub experiment: Experiment,
    /// What is known of the data.
    pub info: DataInfo,
    /// Where the tensors live.
    pub device: Device,
    /// The step of its checkpoint.
    pub step: u64,
    /// The parameters of the trained model.
    store: ParamStore,
    model: Box<dyn GenerativeModel>,
    average: Option<Average>,
}

impl Trained {
    /// The model to look at: the averaged one if there is one.
    pub fn shown(&self) -> &dyn GenerativeModel {
        shown(&*self.model, &self.average)
    }

    /// The bytes of a file of the network, to compare images by.
    ///
    /// # Errors
    /// If the model neither classifies nor encodes.
    pub fn feature_file(&self) -> Result<Vec<u8>> {
        let store = match &self.average {
            Some(average) => &average.store,
            None => &self.store,
        };
        let model = &self.experiment.model;
        let built_with = (model.name.as_str(), &model.config);
        let bytes = FeatureNetwork::encode(self.shown(), store, built_with, &self.info)?;
        Ok(bytes)
    }
}

impl RunModel<'_> {
    /// The trained model with its data.
    ///
    /// # Errors
    /// If the data are not those that the run was trained on, there is no such checkpoint, or it is
    /// damaged or of another model.
    pub fn session(&self, registry: &Registry) -> Result<(Session, u64)> {
        let experiment = self.experiment(registry)?;
        let snapshot = snapshot_of(self.directory, self.best)?;
        let device = experiment.device.parse::<DeviceChoice>()?.open()?;
        let dataset = self.data(&experiment)?;
        let built = Built::new(&experiment, dataset.info(), &device, Use::Drawing, registry)?;
        built.load(&snapshot)?;
        let session = Session::of(experiment, dataset, device, built);
        Ok((session, snapshot.step))
    }

    /// The trained model alone: no file of the data is read, unless the run was made before runs
    /// recorded what they are built from.
    ///
    /// # Errors
    /// If there is no such checkpoint, or it is damaged or of another model.
    pub fn trained(&self, registry: &Registry) -> Result<Trained> {
        let experiment = self.experiment(registry)?;
        let snapshot = snapshot_of(self.directory, self.best)?;
        let device = experiment.device.parse::<DeviceChoice>()?.open()?;
        let info = match data_info::read(self.directory)? {
            Some(info) => info,
            None => self.data(&experiment)?.info().clone(),
        };
        let built = Built::new(&experiment, &info, &device, Use::Drawing, registry)?;
        built.load(&snapshot)?;
        let Built {
            store,
            model,
            average,
        } = built;
        Ok(Trained {
            experiment,
            info,
            device,
            step: snapshot.step,
            store,
            model,
            average,
        })
    }

    /// The experiment of the run, with the data where they lie now.
    fn experiment(&self, registry: &Registry) -> Result<Experiment> {
        let experiment = read_experiment(self.directory, registry)?;
        if self.changes.is_empty() {
            return Ok(experiment);
        }
        let before = experiment.to_table()?;
        let experiment = Experiment::resolve(&before, self.changes, registry)?;
        let found = differences(&before, &experiment.to_table()?);
        let other = found.iter().find(|found| !is_location(&found.key));
        match other {
            None => Ok(experiment),
            Some(found) => Err(Error::Argument(format!(
                "--set {}: the model is trained; only where its data lie may change, such as \
                 `data.dir`",
                found.key
            ))),
        }
    }

    /// The data of the run, which must be those that it was trained on.
    ///
    /// # Errors
    /// If they cannot be read, or are others.
    pub fn data(&self, experiment: &Experiment) -> Result<Dataset> {
        let dataset = open_data(experiment)
            .map_err(|error| perhaps_moved(error, self.directory, &experiment.data))?;
        check_data(self.directory, &RunRecord::read(self.directory)?, &dataset)?;
        Ok(dataset)
    }
}

/// The checkpoint in a run directory: the latest, or the one that is marked as the best.
///
/// # Errors
/// If the directory is no run's, or there is no such checkpoint, or it is damaged.
pub fn snapshot_of(directory: &Path, best: bool) -> Result<Snapshot> {
    required(directory, "run.json")?;
    let checkpoints = CheckpointStore::open(directory.join("checkpoints"))?;
    let snapshot = match best {
        true => checkpoints.best()?,
        false => checkpoints.latest()?,
    };
    snapshot.ok_or_else(|| {
        let problem = match (best, is_locked(directory)) {
            (true, _) => "no checkpoint is marked as the best; set `checkpoint.best.metric`",
            (false, true) => {
                "there is no checkpoint yet: the run is being trained, and leaves one every \
                 `checkpoint.every` steps"
            }
            (false, false) => "there is no checkpoint; take the run up again with `resume`",
        };
        Error::format(&directory.join("checkpoints"), problem)
    })
}

/// The error of data that could not be opened, with the way out where nothing is in their place.
pub fn perhaps_moved(error: Error, directory: &Path, data: &Table) -> Error {
    match location(data) {
        Some(place) if !Path::new(place).exists() => Error::Argument(format!(
            "{error}; where the data of {} lie now is named with `--set data.dir=DIR` (`data.path` of \
             a file)",
            directory.display()
        )),
        _ => error,
    }
}

/// Refuses data that are not those which the run in `directory` was trained on: a test set that has
/// grown or was split anew holds training images, and figures on it mean something else.
///
/// # Errors
/// With the SHA-256 of both, and what can be done.
pub fn check_data(directory: &Path, record: &RunRecord, dataset: &Dataset) -> Result<()> {
    let hashes = |parts: &[(String, String)]| -> Vec<String> {
        parts.iter().map(|(_, hash)| hash.clone()).collect()
    };
    let (before, now) = (hashes(&record.data), hashes(dataset.fingerprints()));
    if before == now {
        return Ok(());
    }
    let told = |parts: &[(String, String)]| {
        let parts = parts.iter().map(|(name, hash)| format!("{name} {hash}"));
        parts.collect::<Vec<_>>().join(", ")
    };
    let count = |summary: &Summary| summary.train + summary.validation + summary.test;
    let counts = match record.data_summary.as_ref().map(count) {
        Some(then) if then != count(dataset.summary()) => {
            format!("{then} images then, {} now; ", count(dataset.summary()))
        }
        _ => String::new(),
    };
    Err(Error::Argument(format!(
        "the data of {} have changed since the run began ({counts}SHA-256 then: {}; now: {}): bring back the \
         files as they were, or name where those lie with `--set data.dir=DIR` (`data.path` of a \
         file); for a model of the data as they are now, start a new run, which can take over the \
         parameters of this one with `init_from`",
        directory.display(),
        told(&record.data),
        told(dataset.fingerprints()),
    )))
}
