//! The fused `f32` layers against the same layers composed of candle's operations in `f64`: values,
//! gradients of both kinds of backward pass, and gradients of gradients.
//!
//! Each result may be off by what rounding can do to it and no more: the bounds are computed beside
//! closed forms of the results, from the sums of their absolute terms (`latentlab_testing::Rounded`).
//! The composed layers are held to the closed forms as well, within the bounds of 64 bits.

mod activation;
mod linear;
mod normalisation;
mod windows;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use latentlab_nn::{
    BatchNormConfig, Bias, Conv2dConfig, ConvTranspose2dConfig, LinearConfig, batch_norm,
    conv_transpose2d, conv2d, linear_with,
};
use latentlab_tensor::{
    Mode, ParamStore, Result, Rng, final_backward,
    ops::{Activation, to_channels_first, to_channels_last},
};
use latentlab_testing::{Rounded, Unit};
use proptest::prelude::*;

use linear::LinearLayer;
use windows::Windows;

const ACTIVATIONS: [Activation; 8] = [
    Activation::Identity,
    Activation::Relu,
    Activation::LeakyRelu,
    Activation::Elu,
    Activation::Silu,
    Activation::Gelu,
    Activation::Tanh,
    Activation::Sigmoid,
];

fn activations() -> impl Strategy<Value = Activation> {
    (0..ACTIVATIONS.len()).prop_map(|index| ACTIVATIONS[index])
}

fn biases() -> impl Strategy<Value = Bias> {
    prop_oneof![Just(Bias::FanIn), Just(Bias::None)]
}

/// What a layer gives in one precision, for comparison.
#[derive(Default)]
struct Results(Vec<(String, Vec<f64>)>);

impl Results {
    fn note(&mut self, name: impl Into<String>, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        self.0.push((name.into(), values));
        Ok(())
    }

    fn note_gradients(
        &mut self,
        kind: &str,
        gradients: &GradStore,
        input: &Var,
        store: &ParamStore,
    ) -> Result<()> {
        if let Some(gradient) = gradients.get(input) {
            self.note(format!("{kind} by the input"), gradient)?;
        }
        for (path, parameter) in store.parameters("") {
            if let Some(gradient) = gradients.get(parameter.var()) {
                self.note(format!("{kind} by {path}"), gradient)?;
            }
        }
        Ok(())
    }
}

type Layer = Box<dyn Fn(&Tensor) -> candle_core::Result<Tensor>>;

/// What the results of a layer are computed from, in 64 bits.
pub struct Setting {
    input: Tensor,
    /// The factors of the squared outputs in the loss.
    weights: Tensor,
    parameters: BTreeMap<String, Tensor>,
}

impl Setting {
    /// A parameter, which was drawn in 64 bits, if there is one of that name.
    fn parameter(&self, name: &str, unit: Unit) -> candle_core::Result<Option<Rounded>> {
        let parameter = self.parameters.get(name);
        parameter
            .map(|value| Rounded::once(value, unit))
            .transpose()
    }
}

/// What may be off how far, by the name of the result.
#[derive(Default)]
pub struct Bounds(BTreeMap<String, Rounded>);

impl Bounds {
    fn note(&mut self, name: &str, bound: Rounded) {
        self.0.insert(name.to_owned(), bound);
    }

    /// The gradient that both kinds of backward pass give.
    fn note_first(&mut self, by: &str, bound: Rounded) {
        self.note(&format!("last by {by}"), bound.clone());
        self.note(&format!("first by {by}"), bound);
    }

    fn assert_hold(&self, results: &Results) {
        assert_eq!(self.0.len(), results.0.len());
        for (name, values) in &results.0 {
            self.0[name].assert_holds(name, values);
        }
    }
}

/// Output, gradients and gradients of the squared norm of the input's gradient.
fn results(
    dtype: DType,
    shape: &[usize],
    build: &dyn Fn(&ParamStore) -> Result<Layer>,
) -> Result<(Results, Setting)> {
    let store = ParamStore::new(11, dtype, &Device::Cpu);
    let layer = build(&store)?;
    let draw = |purpose, shape: &[usize]| {
        Rng::stream(11, purpose, 0).normal(shape, DType::F32, &Device::Cpu)
    };
    let input = Var::from_tensor(&draw("input", shape)?.to_dtype(dtype)?)?;
    let mut results = Results::default();
    let output = layer(&input)?;
    results.note("output", &output)?;
    let weights = draw("weights", output.dims())?.to_dtype(dtype)?;
    // Not linear in the output, so that its slope is part of the second order.
    let loss = || (layer(&input)?.sqr()? * &weights)?.sum_all();
    results.note_gradients("last", &final_backward(&loss()?)?, &input, &store)?;
    let first = loss()?.backward()?;
    results.note_gradients("first", &first, &input, &store)?;
    let norm = first
        .get(&input)
        .expect("the input is used")
        .sqr()?
        .sum_all()?;
    results.note_gradients("second", &norm.backward()?, &input, &store)?;
    let setting = Setting {
        input: input.to_dtype(DType::F64)?,
        weights: weights.to_dtype(DType::F64)?,
        parameters: store.tensors(),
    };
    Ok((results, setting))
}

/// Compares both precisions with the bounds that `bounds` computes.
fn compare(
    shape: &[usize],
    build: &dyn Fn(&ParamStore) -> Result<Layer>,
    bounds: &dyn Fn(&Setting, Unit) -> candle_core::Result<Bounds>,
) {
    let (single, _) = results(DType::F32, shape, build).unwrap();
    let (double, setting) = results(DType::F64, shape, build).unwrap();
    bounds(&setting, Unit::F32).unwrap().assert_hold(&single);
    bounds(&setting, Unit::F64).unwrap().assert_hold(&double);
}

fn compare_linear([rows, inputs, outputs]: [usize; 3], bias: Bias, then: Activation) {
    let build = |store: &ParamStore| -> Result<Layer> {
        let config = LinearConfig {
            bias,
            ..Default::default()
        };
        let layer = linear_with(inputs, outputs, config, &store.root())?;
        Ok(Box::new(move |x| layer.forward_then(x, then)))
    };
    let layer = LinearLayer {
        apply: &|x, w| x.matmul(&w.t()?),
        outputs: 0,
        minimal: false,
        then,
    };
    compare(&[rows, inputs], &build, &|setting, unit| {
        linear::bounds(setting, &layer, unit)
    });
}

fn compare_convolution(shape: [usize; 4], outputs: usize, config: Conv2dConfig, then: Activation) {
    let build = |store: &ParamStore| -> Result<Layer> {
        let layer = conv2d(shape[1], outputs, config, &store.root())?;
        Ok(Box::new(move |x| {
            to_channels_first(&layer.forward_channels_last(&to_channels_last(x)?, then)?)
        }))
    };
    let Conv2dConfig {
        kernel,
        stride,
        padding,
        ..
    } = config;
    let windows = Windows::of_image([shape[2], shape[3]], kernel, stride, padding);
    let layer = LinearLayer {
        apply: &|x, w| windows.convolve(x, w),
        outputs: 0,
        minimal: may_be_minimal(kernel, stride, [shape[1], outputs]),
        then,
    };
    compare(&shape, &build, &|setting, unit| {
        linear::bounds(setting, &layer, unit)
    });
}

fn compare_transposed(
    shape: [usize; 4],
    outputs: usize,
    config: ConvTranspose2dConfig,
    then: Activation,
) {
    let build = |store: &ParamStore| -> Result<Layer> {
        let layer = conv_transpose2d(shape[1], outputs, config, &store.root())?;
        Ok(Box::new(move |x| {
            to_channels_first(&layer.forward_channels_last(&to_channels_last(x)?, then)?)
        }))
    };
    let ConvTranspose2dConfig {
        kernel,
        stride,
        padding,
        output_padding,
        ..
    } = config;
    let count = [shape[2], shape[3]];
    let windows = Windows {
        kernel,
        stride,
        padding,
        image: count.map(|size| (size - 1) * stride + kernel + output_padding - 2 * padding),
        count,
    };
    let layer = LinearLayer {
        apply: &|y, w| windows.convolve_transposed(y, w),
        outputs: 1,
        minimal: may_be_minimal(kernel, stride, [shape[1], outputs]),
        then,
    };
    compare(&shape, &build, &|setting, unit| {
        linear::bounds(setting, &layer, unit)
    });
}

/// Whether a convolution may be computed by minimal filtering: not with few channels.
fn may_be_minimal(kernel: usize, stride: usize, channels: [usize; 2]) -> bool {
    kernel == 2 * stride && channels.into_iter().all(|channels| channels >= 16)
}

fn compare_normalisation(shape: [usize; 4], then: Activation) {
    compare(
        &shape,
        &|store| normalisation(store, shape[3], then),
        &|setting, unit| normalisation::bounds(setting, then, unit),
    );
}

proptest! {
    #![proptest_config(latentlab_testing::cases(40))]

    #[test]
    fn a_linear_layer(
        (rows, inputs, outputs) in (1usize..40, 1usize..60, 1usize..50),
        then in activations(),
        bias in biases(),
    ) {
        compare_linear([rows, inputs, outputs], bias, then);
    }

    #[test]
    fn a_convolution(
        (batch, inputs, outputs) in (1usize..5, 1usize..6, 1usize..7),
        (height, width) in (1usize..11, 1usize..11),
        (kernel, stride, padding) in (1usize..5, 1usize..4, 0usize..3),
        then in activations(),
        bias in biases(),
    ) {
        prop_assume!(height + 2 * padding >= kernel && width + 2 * padding >= kernel);
        let config = Conv2dConfig { kernel, stride, padding, bias, ..Default::default() };
        compare_convolution([batch, inputs, height, width], outputs, config, then);
    }

    #[test]
    fn a_transposed_convolution(
        (batch, inputs, outputs) in (1usize..5, 1usize..6, 1usize..7),
        (height, width) in (1usize..8, 1usize..8),
        (kernel, stride, padding) in (1usize..5, 1usize..4, 0usize..3),
        output_padding in 0usize..2,
        then in activations(),
        bias in biases(),
    ) {
        let fits = |size: usize| (size - 1) * stride + kernel + output_padding > 2 * padding;
        prop_assume!(fits(height) && fits(width));
        let config = ConvTranspose2dConfig {
            kernel, stride, padding, output_padding, bias, ..Default::default()
        };
        compare_transposed([batch, inputs, height, width], outputs, config, then);
    }

    #[test]
    fn an_activation(rows in 1usize..300, columns in 1usize..300, then in activations()) {
        use candle_core::Module;
        let build = |_: &ParamStore| -> Result<Layer> { Ok(Box::new(move |x| then.forward(x))) };
        compare(&[rows, columns], &build, &|setting, unit| activation(setting, then, unit));
    }
}

proptest! {
    #![proptest_config(latentlab_testing::cases(30))]

    #[test]
    fn a_batch_norm(
        (batch, height, width, channels) in (4usize..9, 1usize..7, 1usize..7, 1usize..40),
        then in activations(),
    ) {
        compare_normalisation([batch, height, width, channels], then);
    }
}

/// The bounds of an activation alone: `φ(x)` and the gradients of `Σ w φ(x)²`.
fn activation(setting: &Setting, then: Activation, unit: Unit) -> candle_core::Result<Bounds> {
    let kind = activation::ActivationKind::at(&Rounded::exact(&setting.input, unit)?, then)?;
    let twice = Rounded::exact(&setting.weights, unit)?.scaled(2.0)?;
    let first = twice.times(&kind.value)?.times(&kind.slope)?;
    let second = first.times(&twice)?.times(&kind.bend)?.scaled(2.0)?;
    let mut bounds = Bounds::default();
    bounds.note("output", kind.value);
    bounds.note_first("the input", first);
    bounds.note("second by the input", second);
    Ok(bounds)
}

fn normalisation(store: &ParamStore, channels: usize, then: Activation) -> Result<Layer> {
    let layer = batch_norm(channels, BatchNormConfig::default(), &store.root())?;
    Ok(Box::new(move |x| {
        let y = layer.forward_channels_last(x, Mode::Train, then);
        y.map_err(|error| candle_core::Error::Msg(error.to_string()))
    }))
}

/// The running statistics of both precisions after a batch.
#[test]
fn a_batch_norm_remembers_the_same_statistics() {
    for (dtype, unit) in [(DType::F32, Unit::F32), (DType::F64, Unit::F64)] {
        let store = ParamStore::new(11, dtype, &Device::Cpu);
        let layer = normalisation(&store, 24, Activation::Relu).unwrap();
        let x = Rng::stream(11, "input", 0).normal((40, 9, 7, 24), DType::F32, &Device::Cpu);
        let x = x.unwrap().affine(2.0, 5.0).unwrap();
        layer(&x.to_dtype(dtype).unwrap()).unwrap();
        let bounds = normalisation::statistics(&x, unit).unwrap();
        for (path, bound) in ["running_mean", "running_var"].into_iter().zip(bounds) {
            let value = store.get(path).unwrap().value();
            let found = value.to_dtype(DType::F64).unwrap().to_vec1().unwrap();
            bound.assert_holds(path, &found);
        }
    }
}

/// Sizes at which the kernels cut their work into several pieces.
#[test]
fn large_layers_agree_too() {
    compare_linear([70, 300, 500], Bias::FanIn, Activation::Tanh);
    compare_normalisation([5, 16, 28, 48], Activation::LeakyRelu);
    let config = Conv2dConfig {
        kernel: 4,
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    compare_convolution([5, 16, 28, 26], 40, config, Activation::LeakyRelu);
    let config = ConvTranspose2dConfig {
        kernel: 4,
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    compare_transposed([5, 40, 14, 13], 16, config, Activation::Relu);
}
