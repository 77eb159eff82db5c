//! The normalisation of a batch by itself, with an activation, as one operation.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, D, Layout, Module, Result, Shape, Tensor, bail};

use super::{Activation, activation::compose_slope};
use crate::{
    autograd::apply3,
    cpu::{contiguous, is_for, tensor, view},
    is_final_backward,
};
use latentlab_kernels::{
    ActivationKind,
    normalise::{self, Normal, Statistics},
};

/// What [`normalise`](fn@normalise) gives.
pub struct Normalised {
    /// The normalised values, of the input's shape.
    pub output: Tensor,
    /// Mean of each channel, `[C]`, without a graph.
    pub mean: Tensor,
    /// Variance of each channel, divided by the number of values, `[C]`, without a graph.
    pub variance: Tensor,
}

/// `φ((x − mean) / √(variance + eps) · weight + bias)`, mean and variance over all dimensions of `x`
/// but the last: `x` `[…, C]` in contiguous memory, `weight` and `bias` `[C]`.
pub fn normalise(
    x: &Tensor,
    [weight, bias]: [&Tensor; 2],
    eps: f64,
    then: Activation,
) -> Result<Normalised> {
    let kind = then.kind().unwrap_or(ActivationKind::Identity);
    let (output, mean, variance) = if is_for(&[x, weight, bias]) {
        let statistics = Arc::new(OnceLock::new());
        let op = Normalise {
            kind,
            eps,
            statistics: statistics.clone(),
        };
        let output = apply3(x, weight, bias, op)?;
        let Statistics { mean, variance } = statistics.get().expect("set by the forward pass");
        let channels = mean.len();
        let single = |values: &[f64]| tensor(values.iter().map(|x| *x as f32).collect(), channels);
        (output, single(mean)?, single(variance)?)
    } else {
        let Composed {
            mean,
            variance,
            inverse,
            hat,
        } = Composed::of(x, eps)?;
        let _ = inverse;
        let y = hat
            .broadcast_mul(weight)?
            .broadcast_add(bias)?
            .reshape(x.shape())?;
        let output = match then.kind() {
            Some(_) => then.reference(&y)?,
            None => y,
        };
        (
            output,
            mean.squeeze(0)?.detach(),
            variance.squeeze(0)?.detach(),
        )
    };
    Ok(Normalised {
        output: match then.kind() {
            Some(_) => output,
            None => then.forward(&output)?,
        },
        mean,
        variance,
    })
}

/// The normalisation in operations that can be differentiated; all of `[rows, C]` or `[1, C]`.
struct Composed {
    mean: Tensor,
    variance: Tensor,
    /// `1 / √(variance + eps)`.
    inverse: Tensor,
    /// The normalised values before weight and bias.
    hat: Tensor,
}

impl Composed {
    fn of(x: &Tensor, eps: f64) -> Result<Self> {
        let rows = x.reshape(((), x.dim(D::Minus1)?))?;
        let mean = rows.mean_keepdim(0)?;
        let centred = rows.broadcast_sub(&mean)?;
        let variance = centred.sqr()?.mean_keepdim(0)?;
        let inverse = (&variance + eps)?.powf(-0.5)?;
        let hat = centred.broadcast_mul(&inverse)?;
        Ok(Self {
            mean,
            variance,
            inverse,
            hat,
        })
    }
}

struct Normalise {
    kind: ActivationKind,
    eps: f64,
    /// Written by the forward pass.
    statistics: Arc<OnceLock<Statistics>>,
}

impl Normalise {
    /// Mean and inverse deviation of each channel.
    fn constants(&self) -> [Vec<f32>; 2] {
        let Statistics { mean, variance } = self.statistics.get().expect("the forward pass ran");
        let inverse = variance
            .iter()
            .map(|x| (1.0 / (x + self.eps).sqrt()) as f32);
        [mean.iter().map(|x| *x as f32).collect(), inverse.collect()]
    }

    /// The gradients in operations that can be differentiated.
    fn compose(&self, [x, weight, y, gradient]: [&Tensor; 4]) -> Result<[Tensor; 3]> {
        let Composed { inverse, hat, .. } = Composed::of(x, self.eps)?;
        let count = hat.dim(0)? as f64;
        let dz = compose_slope(self.kind, y, gradient)?.reshape(hat.shape())?;
        let (by_bias, by_weight) = (dz.sum_keepdim(0)?, (&dz * &hat)?.sum_keepdim(0)?);
        let shared = (hat.broadcast_mul(&by_weight)?.broadcast_add(&by_bias)? / count)?;
        let scale = inverse.broadcast_mul(weight)?;
        let by_x = (dz - shared)?.broadcast_mul(&scale)?.reshape(x.shape())?;
        Ok([by_x, by_weight.squeeze(0)?, by_bias.squeeze(0)?])
    }

    fn compute(&self, [x, weight, y, gradient]: [&Tensor; 4]) -> Result<[Tensor; 3]> {
        let gradient = gradient.contiguous()?;
        let [mean, inverse] = self.constants();
        let scale: Vec<f32> = inverse
            .iter()
            .zip(&*view(weight)?)
            .map(|(i, w)| i * w)
            .collect();
        let normal = Normal {
            kind: self.kind,
            mean: &mean,
            scale: &scale,
            bias: &[],
        };
        let at = [&*view(x)?, &*view(y)?, &*view(&gradient)?];
        let normalise::Gradients {
            x: by_x,
            weight,
            bias,
        } = normalise::gradients(at, normal, &inverse);
        let channels = mean.len();
        Ok([
            tensor(by_x, x.shape())?,
            tensor(weight, channels)?,
            tensor(bias, channels)?,
        ])
    }
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "normalise"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let channels = weight.len();
        if x_layout.dims().last() != Some(&channels) || bias.len() != channels || x.is_empty() {
            bail!(
                "cannot normalise {:?} with {channels} weights",
                x_layout.dims()
            );
        }
        let _ = self.statistics.set(normalise::statistics(x, channels));
        let [mean, inverse] = self.constants();
        let scale: Vec<f32> = inverse.iter().zip(weight).map(|(i, w)| i * w).collect();
        let y = normalise::normalise(
            x,
            Normal {
                kind: self.kind,
                mean: &mean,
                scale: &scale,
                bias,
            },
        );
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let all = [x, weight, y, gradient];
        let [by_x, by_weight, by_bias] = match is_final_backward() {
            true => self.compute(all)?,
            false => self.compose(all)?,
        };
        let wanted = |tensor: &Tensor, gradient| tensor.track_op().then_some(gradient);
        Ok((
            wanted(x, by_x),
            wanted(weight, by_weight),
            wanted(bias, by_bias),
        ))
    }
}
