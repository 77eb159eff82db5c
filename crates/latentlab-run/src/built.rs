//! A model of an experiment with its parameters, and its averaged copy.

use candle_core::{DType, Device};
use latentlab_core::{DataInfo, GenerativeModel, Registry};
use latentlab_tensor::ParamStore;
use latentlab_train::Snapshot;

use crate::{Experiment, Result, environment::free_memory, error::guarded};

/// The same model over a running average of the parameters.
pub struct Average {
    /// The averaged parameters.
    pub store: ParamStore,
    /// The model that reads them.
    pub model: Box<dyn GenerativeModel>,
}

/// What a model is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// To be trained.
    Training,
    /// To be looked at.
    Drawing,
}

impl Use {
    /// Arrays of the size of its parameters that it needs.
    fn copies(self) -> u64 {
        match self {
            // Values, gradients and, of most optimizers, two moments.
            Self::Training => 4,
            Self::Drawing => 1,
        }
    }
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
    /// If the configuration does not fit such data, the model does not fit into the memory of the
    /// machine, or it panics.
    pub fn new(
        experiment: &Experiment,
        info: &DataInfo,
        device: &Device,
        purpose: Use,
        registry: &Registry,
    ) -> Result<Self> {
        let free = free_memory().filter(|_| device.is_cpu());
        let copies = purpose.copies() + u64::from(experiment.ema.is_some());
        let build_unguarded = || -> Result<(ParamStore, Box<dyn GenerativeModel>)> {
            let mut store = ParamStore::new(experiment.seed, DType::F32, device);
            if let Some(free) = free {
                store = store.with_budget(free, copies);
            }
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
