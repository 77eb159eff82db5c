//! An experiment brought to life: data, device, parameters, model.

use std::{path::Path, sync::Arc};

use candle_core::Device;
use latentlab_core::{GenerativeModel, Registry};
use latentlab_data::{DataConfig, Dataset, Split};
use latentlab_evaluate::{Evaluation, Setting};
use latentlab_tensor::{DeviceChoice, ParamStore};
use toml::Table;

use crate::{
    Experiment, Result,
    built::{Average, Built, Use},
    run_model::RunModel,
};

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

impl Session {
    /// Opens the device and the data and builds the model, with initial parameters.
    ///
    /// # Errors
    /// If any of the three cannot be had as the experiment wants it.
    pub fn build(experiment: Experiment, registry: &Registry) -> Result<Self> {
        let device = experiment.device.parse::<DeviceChoice>()?.open()?;
        let dataset = open_data(&experiment)?;
        let built = Built::new(
            &experiment,
            dataset.info(),
            &device,
            Use::Training,
            registry,
        )?;
        Ok(Self::of(experiment, dataset, device, built))
    }

    /// The parts of a session, put together.
    pub(crate) fn of(
        experiment: Experiment,
        dataset: Dataset,
        device: Device,
        built: Built,
    ) -> Self {
        Self {
            experiment,
            dataset: Arc::new(dataset),
            device,
            store: built.store,
            model: built.model,
            average: built.average,
        }
    }

    /// The trained model of a run directory, and its step: that of the latest checkpoint, or of the
    /// one marked as the best.
    ///
    /// # Errors
    /// Those of [`RunModel::session`].
    pub fn of_run(directory: &Path, registry: &Registry, best: bool) -> Result<(Self, u64)> {
        let changes = &Table::new();
        let run = RunModel {
            directory,
            best,
            changes,
        };
        run.session(registry)
    }

    /// What the experiment asks to be measured of the model while it trains.
    ///
    /// # Errors
    /// If what samples are to be compared by cannot be read or is for other images.
    pub fn evaluation(&self, registry: &Registry) -> Result<Evaluation> {
        let setting = Setting {
            dataset: &self.dataset,
            source: &DataConfig::from_table(&self.experiment.data)?.source,
            device: &self.device,
            seed: self.experiment.seed,
            images: self.experiment.evaluate.images,
            importance_samples: self.experiment.evaluate.importance_samples,
            features: &self.experiment.evaluate.features,
        };
        Ok(Evaluation::new(&setting, &*self.model, registry)?)
    }

    /// The model to look at: the averaged one if there is one.
    pub fn shown(&self) -> &dyn GenerativeModel {
        shown(&*self.model, &self.average)
    }
}

/// The averaged model if there is one, the trained one otherwise.
pub fn shown<'a>(
    model: &'a dyn GenerativeModel,
    average: &'a Option<Average>,
) -> &'a dyn GenerativeModel {
    match average {
        Some(average) => &*average.model,
        None => model,
    }
}

/// The data of an experiment.
///
/// # Errors
/// If they cannot be read, or have no test images.
pub fn open_data(experiment: &Experiment) -> Result<Dataset> {
    let data = DataConfig::from_table(&experiment.data)?;
    let dataset = Dataset::open(&data).map_err(latentlab_core::Error::from)?;
    if dataset.is_empty(Split::Test) {
        let advice = match experiment.data.get("test_fraction") {
            Some(fraction) => format!(
                "hold some out with a larger `data.test_fraction` than {fraction}, or add images"
            ),
            None => "add some".to_owned(),
        };
        let problem = format!("has no test images to evaluate and draw; {advice}");
        return Err(latentlab_core::Error::config("data", problem).into());
    }
    Ok(dataset)
}
