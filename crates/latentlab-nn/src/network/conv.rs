//! Convolutional networks: every stage halves or doubles the image.

use latentlab_core::{Error, ImageShape, Result};

use super::{Layer, Norm, Stack};
use crate::{Activation, Conv2dConfig, ConvTranspose2dConfig, conv_transpose2d, conv2d};

const KERNEL: usize = 4;
const STRIDE: usize = 2;
const PADDING: usize = 1;

/// Stages of convolution, norm and activation, then the flattened features.
pub(super) fn push_encoder(stack: &mut Stack, shape: ImageShape) -> Result<()> {
    let sizes = stage_sizes(shape, stack.config.hidden.len())?;
    stack.features = shape.channels;
    for (index, channels) in stack.config.hidden.iter().enumerate() {
        let config = Conv2dConfig {
            kernel: KERNEL,
            stride: STRIDE,
            padding: PADDING,
            weight: stack.config.weight(),
            bias: stack.config.bias(),
            norm: stack.config.weight_norm(),
        };
        let layer = conv2d(stack.features, *channels, config, &stack.next())?;
        stack.layers.push(Layer::Conv(layer));
        stack.features = *channels;
        if index > 0 {
            let [height, width] = sizes[index + 1];
            stack.batch_norm(height * width)?;
        }
        stack.activation();
    }
    stack.layers.push(match stack.config.hidden.is_empty() {
        true => Layer::Flatten,
        false => Layer::FlattenChannelsLast,
    });
    let [height, width] = sizes[stack.config.hidden.len()];
    stack.features = stack.features.saturating_mul(height * width);
    Ok(())
}

/// A linear layer to the smallest image, then stages of norm, activation, transposed convolution.
pub(super) fn push_decoder(stack: &mut Stack, shape: ImageShape, output: Activation) -> Result<()> {
    let hidden = &stack.config.hidden;
    if stack.config.norm == Norm::Spectral && !hidden.is_empty() {
        return Err(Error::config(
            "norm",
            "`spectral` is not defined for transposed convolutions; use `none` or `batch`",
        ));
    }
    let sizes = stage_sizes(shape, hidden.len())?;
    let [height, width] = sizes[hidden.len()];
    let channels = *hidden.first().unwrap_or(&shape.channels);
    // What is beyond any number is refused as too large a parameter.
    stack.linear(channels.saturating_mul(height * width))?;
    let smallest = ImageShape {
        channels,
        height,
        width,
    };
    stack.layers.push(match hidden.is_empty() {
        true => Layer::Unflatten(smallest),
        false => Layer::UnflattenChannelsLast(smallest),
    });
    stack.features = channels;
    let outputs = hidden.iter().skip(1).chain([&shape.channels]);
    for (stage, outputs) in outputs.take(hidden.len()).enumerate() {
        let from = sizes[hidden.len() - stage];
        stack.batch_norm(from[0] * from[1])?;
        stack.activation();
        let to = sizes[hidden.len() - stage - 1];
        let config = ConvTranspose2dConfig {
            kernel: KERNEL,
            stride: STRIDE,
            padding: PADDING,
            output_padding: (to[0] - STRIDE * from[0]).max(to[1] - STRIDE * from[1]),
            weight: stack.config.weight(),
            bias: stack.config.bias(),
        };
        let layer = conv_transpose2d(stack.features, *outputs, config, &stack.next())?;
        stack.layers.push(Layer::ConvTranspose(layer, to));
        stack.features = *outputs;
    }
    stack.layers.push(Layer::Activation(output));
    Ok(())
}

/// Height and width before the first stage and after each: halved, rounded down.
fn stage_sizes(shape: ImageShape, stages: usize) -> Result<Vec<[usize; 2]>> {
    let mut sizes = vec![[shape.height, shape.width]];
    for stage in 1..=stages {
        let [height, width] = sizes[stage - 1];
        if height < STRIDE || width < STRIDE {
            return Err(Error::config(
                "hidden",
                format!(
                    "{stages} stages halve a {}x{} image below one pixel; at most {} fit",
                    shape.height,
                    shape.width,
                    stage - 1
                ),
            ));
        }
        sizes.push([height / STRIDE, width / STRIDE]);
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_sizes_are_halved_downwards() {
        let shape = ImageShape {
            channels: 1,
            height: 28,
            width: 30,
        };
        let sizes = stage_sizes(shape, 3).unwrap();
        assert_eq!(sizes, [[28, 30], [14, 15], [7, 7], [3, 3]]);
    }
}
