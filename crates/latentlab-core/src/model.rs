//! What a generative model is.

use latentlab_tensor::ParamBuilder;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Classify, Criticise, DataInfo, Likelihood, Phase, Reconstruct, Result, Sample};

/// A model that the training loop can train.
///
/// Only [`phases`](Self::phases) is needed to be trained; the rest says what the trained model can
/// do, and everything else in the project asks for these capabilities.
pub trait GenerativeModel {
    /// What one training step does, in order.
    fn phases(&self) -> Vec<Phase<'_>>;

    /// Refuses to be trained on batches of so many images, before the training begins: because batch
    /// norm would see one value per channel, say, or because images are judged in packs of four.
    ///
    /// # Errors
    /// [`Error::config`](crate::Error::config) of `batch_size` that says which sizes are possible. A
    /// model for which all are, as by default, has none.
    fn check_batch_size(&self, _images: usize) -> Result<()> {
        Ok(())
    }

    /// Makes images from a prior.
    fn sampler(&self) -> Option<&dyn Sample> {
        None
    }

    /// Encodes and decodes images.
    fn reconstructor(&self) -> Option<&dyn Reconstruct> {
        None
    }

    /// Bounds log p(x).
    fn likelihood(&self) -> Option<&dyn Likelihood> {
        None
    }

    /// Tells classes apart.
    fn classifier(&self) -> Option<&dyn Classify> {
        None
    }

    /// Tells real from generated.
    fn critic(&self) -> Option<&dyn Criticise> {
        None
    }
}

/// How a model gets its name, its configuration and its parameters.
pub trait ModelSpec: GenerativeModel + Sized + 'static {
    /// The name in experiment files: lower case, words joined by `-`.
    const NAME: &'static str;
    /// One line for `list`.
    const SUMMARY: &'static str;
    /// The keys below `model.config`. Missing keys take the default's values; derive with
    /// `#[serde(default, deny_unknown_fields)]`, so that a misspelt key is an error. The doc
    /// comments of the fields are what `describe` prints.
    type Config: Serialize + DeserializeOwned + Default + JsonSchema;

    /// Builds the model for data like `data`, declaring its parameters below `params`.
    ///
    /// # Errors
    /// [`Error::config`](crate::Error::config) for a value that cannot work.
    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self>;
}
