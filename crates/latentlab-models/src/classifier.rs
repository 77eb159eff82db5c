//! Classifier: a network from images to features, and a linear layer from these to the classes.
//!
//! It generates nothing. Trained by the same loop, it gives the features by which samples are
//! compared with data, as Inception's are elsewhere (Heusel et al. 2017).

use candle_core::{D, DType, Module, Tensor};
use latentlab_core::{
    Batch, Classify, DataInfo, Error, GenerativeModel, Loss, ModelSpec, Phase, Result,
};
use latentlab_losses::{batch_mean, classification::cross_entropy};
use latentlab_nn::Linear;
use latentlab_tensor::{Mode, ParamBuilder, ops::Activation, segment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use latentlab_nn::{Architecture, Initial, Network, NetworkConfig, Norm};

/// Configuration of the model `classifier`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClassifierConfig {
    /// `dense` or `conv`.
    pub architecture: Architecture,
    /// Units (dense) or channels (conv) of the hidden layers.
    pub hidden: Vec<usize>,
    /// Length of the feature vector.
    pub features: usize,
    /// Activation of the hidden layers and of the features.
    pub activation: Activation,
    /// `none`, `batch` or `spectral`.
    pub norm: Norm,
    /// Where the weights start: `pytorch`, `kaiming`, `xavier`, `orthogonal` or `dcgan`.
    pub init: Initial,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self {
            architecture: Architecture::Conv,
            hidden: vec![32, 64],
            features: 64,
            activation: Activation::Relu,
            norm: Norm::Batch,
            init: Initial::Pytorch,
        }
    }
}

/// The model `classifier`.
pub struct Classifier {
    trunk: Network,
    activation: Activation,
    head: Linear,
}

impl ModelSpec for Classifier {
    const NAME: &'static str = "classifier";
    const SUMMARY: &'static str = "classifier, whose features judge samples";
    type Config = ClassifierConfig;

    fn build(config: &Self::Config, data: &DataInfo, params: &ParamBuilder) -> Result<Self> {
        if config.features == 0 {
            return Err(Error::config("features", "must be at least 1"));
        }
        let classes = data.classes.ok_or_else(|| {
            let problem = "the images have no labels to learn; a folder needs a sub-folder for \
                           each class";
            Error::Data(problem.to_owned())
        })?;
        let network = NetworkConfig {
            architecture: config.architecture,
            hidden: config.hidden.clone(),
            activation: config.activation,
            norm: config.norm,
            init: config.init,
        };
        Ok(Self {
            trunk: network.encoder(data.shape, config.features, &params.at("trunk"))?,
            activation: config.activation,
            head: network.linear(config.features, classes, &params.at("head"))?,
        })
    }
}

impl GenerativeModel for Classifier {
    fn phases(&self) -> Vec<Phase<'_>> {
        let loss = |batch: &Batch, _: &mut _| segment(|| self.loss(batch));
        vec![Phase::new("classifier", loss).moving("")]
    }

    fn check_batch_size(&self, images: usize) -> Result<()> {
        self.trunk.check_batch_size(images, 1)
    }

    fn classifier(&self) -> Option<&dyn Classify> {
        Some(self)
    }
}

impl Classify for Classifier {
    fn features(&self, images: &Tensor) -> Result<Tensor> {
        self.features_in(images, Mode::Eval)
    }

    fn class_logits(&self, features: &Tensor) -> Result<Tensor> {
        Ok(self.head.forward(features)?)
    }
}

impl Classifier {
    fn features_in(&self, images: &Tensor, mode: Mode) -> Result<Tensor> {
        let features = self.trunk.forward(images, mode)?;
        Ok(self.activation.forward(&features)?)
    }

    fn loss(&self, batch: &Batch) -> Result<Loss> {
        let labels = batch.labels.as_ref().ok_or_else(|| {
            Error::Data("a batch without labels cannot train a classifier".to_owned())
        })?;
        let features = self.features_in(&batch.images, Mode::Train)?;
        let logits = self.class_logits(&features)?;
        let loss = Loss::new(batch_mean(&cross_entropy(&logits, labels)?)?);
        let (logits, labels) = (logits.detach(), labels.clone());
        Ok(loss.term_later("accuracy", move || {
            let right = logits.argmax(D::Minus1)?.eq(&labels)?;
            Ok(right.to_dtype(DType::F32)?.mean_all()?)
        }))
    }
}
