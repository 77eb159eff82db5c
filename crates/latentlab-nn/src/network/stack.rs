//! A network under construction.

use latentlab_core::Result;
use latentlab_tensor::{Init, ParamBuilder};

use super::{Initial, Layer, Network, NetworkConfig, Norm};
use crate::{BatchNormConfig, batch_norm};

/// The layers so far, and what the next one starts from.
pub(super) struct Stack<'a> {
    pub(super) config: &'a NetworkConfig,
    params: ParamBuilder,
    pub(super) layers: Vec<Layer>,
    /// Length of the vector, or channels of the image, that the last layer gives.
    pub(super) features: usize,
}

impl<'a> Stack<'a> {
    pub(super) fn new(config: &'a NetworkConfig, features: usize, params: &ParamBuilder) -> Self {
        Self {
            config,
            params: params.clone(),
            layers: Vec::new(),
            features,
        }
    }

    /// Where the next layer declares its parameters: its index, as in PyTorch's `Sequential`.
    pub(super) fn next(&self) -> ParamBuilder {
        self.params.at(self.layers.len())
    }

    pub(super) fn linear(&mut self, outputs: usize) -> Result<()> {
        let layer = self.config.linear(self.features, outputs, &self.next())?;
        self.layers.push(Layer::Linear(layer));
        self.features = outputs;
        Ok(())
    }

    /// Batch norm, if the network has any, of features with so many values each in one row.
    pub(super) fn batch_norm(&mut self, values: usize) -> Result<()> {
        if self.config.norm == Norm::Batch {
            let weight = match self.config.init {
                Initial::Dcgan => Init::Normal {
                    mean: 1.0,
                    std: 0.02,
                },
                _ => Init::ONES,
            };
            let config = BatchNormConfig {
                weight,
                ..Default::default()
            };
            let layer = batch_norm(self.features, config, &self.next())?;
            self.layers.push(Layer::BatchNorm(layer, values));
        }
        Ok(())
    }

    pub(super) fn activation(&mut self) {
        self.layers.push(Layer::Activation(self.config.activation));
    }

    pub(super) fn finish(self) -> Network {
        Network {
            layers: self.layers,
        }
    }
}
