//! Networks of linear layers.

use latentlab_core::{ImageShape, Result};

use super::{Layer, Stack};
use crate::Activation;

/// Hidden layers from flattened images inwards.
pub(super) fn push_encoder(stack: &mut Stack) -> Result<()> {
    stack.layers.push(Layer::Flatten);
    for (index, units) in stack.config.hidden.iter().enumerate() {
        stack.linear(*units)?;
        if index > 0 {
            stack.batch_norm(1)?;
        }
        stack.activation();
    }
    Ok(())
}

/// Hidden layers and the output layer, from a vector to images.
pub(super) fn push_decoder(stack: &mut Stack, shape: ImageShape, output: Activation) -> Result<()> {
    for units in &stack.config.hidden {
        stack.linear(*units)?;
        stack.batch_norm(1)?;
        stack.activation();
    }
    stack.linear(shape.pixels())?;
    stack.layers.push(Layer::Activation(output));
    stack.layers.push(Layer::Unflatten(shape));
    Ok(())
}
