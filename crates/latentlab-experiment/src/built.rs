//! A model of an experiment with its parameters, and its averaged copy.

use candle_core::{DType, Device};
use latentlab_core::{DataInfo, GenerativeModel, Registry};
use latentlab_tensor::ParamStore;
use latentlab_train::Snapshot;

use crate::{Experiment, Result, error::guarded};

/// The same model over a running average of the parameters.
pub struct Average {
    /// The averaged parameters.
    pub store: ParamStore,
    /// The model that reads them.
    pub model: Box<dyn GenerativeModel>,
}

/// A model with its parameters, and its averaged copy where the experiment keeps one.
pub(crate) struct Built {
    pub store: ParamStore,
    pub model: Box<dyn GenerativeModel>,
    pub average: Option<Average>,
}

impl Built {
    /// The model of `experiment` for data like `info`, with initial parameters on `device`.
    ///
    /// # Errors
    /// If the configuration does not fit such data, or the model panics.
    pub fn new(
        experiment: &Experiment,
        info: &DataInfo,
        device: &Device,
        registry: &Registry,
    ) -> Result<Self> {
        let build_unguarded = || -> Result<(ParamStore, Box<dyn GenerativeModel>)> {
            let store = ParamStore::new(experiment.seed, DType::F32, device);
            let entry = registry.get(&experiment.model.name)?;
            let model = entry.build(&experiment.model.config, info, &store.root())?;
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
            store,
            model,
            average,
        })
    }

    /// Takes the parameters of a checkpoint, for good.
    ///
    /// # Errors
    /// If they are those of another model.
    pub fn load(&self, snapshot: &Snapshot) -> Result<()> {
        self.store.load(&snapshot.params)?;
        self.store.freeze();
        if let (Some(average), Some(ema)) = (&self.average, &snapshot.ema) {
            average.store.load(ema)?;
        }
        Ok(())
    }
}
