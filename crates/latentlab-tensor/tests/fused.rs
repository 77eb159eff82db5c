//! The fused `f32` layers against the same layers composed of candle's operations in `f64`: values,
//! gradients of both kinds of backward pass, and gradients of gradients.

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use latentlab_tensor::{
    Mode, ParamStore, Result, Rng, final_backward,
    layers::{
        Activation, BatchNormConfig, Bias, Conv2dConfig, ConvTranspose2dConfig, LinearConfig,
        batch_norm, conv_transpose2d, conv2d, linear_with, to_channels_first, to_channels_last,
    },
};
use proptest::prelude::*;

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

/// Output, gradients and gradients of the squared norm of the input's gradient.
fn results(
    dtype: DType,
    shape: &[usize],
    build: &dyn Fn(&ParamStore) -> Result<Layer>,
) -> Result<Results> {
    let store = ParamStore::new(11, dtype, &Device::Cpu);
    let layer = build(&store)?;
    let input = Rng::stream(11, "input", 0).normal(shape, DType::F32, &Device::Cpu)?;
    let input = Var::from_tensor(&input.to_dtype(dtype)?)?;
    let mut results = Results::default();
    let output = layer(&input)?;
    results.note("output", &output)?;
    let weights = Rng::stream(11, "weights", 0).normal(output.shape(), DType::F32, &Device::Cpu)?;
    // Not linear in the output, so that its slope is part of the second order.
    let loss = || (layer(&input)?.sqr()? * weights.to_dtype(dtype)?)?.sum_all();
    results.note_gradients("last", &final_backward(&loss()?)?, &input, &store)?;
    let first = loss()?.backward()?;
    results.note_gradients("first", &first, &input, &store)?;
    let norm = first
        .get(&input)
        .expect("the input is used")
        .sqr()?
        .sum_all()?;
    results.note_gradients("second", &norm.backward()?, &input, &store)?;
    Ok(results)
}

fn compare(shape: &[usize], build: &dyn Fn(&ParamStore) -> Result<Layer>) {
    compare_within(2e-5, shape, build);
}

/// Compares up to a share of the largest value of each tensor.
fn compare_within(share: f64, shape: &[usize], build: &dyn Fn(&ParamStore) -> Result<Layer>) {
    let single = results(DType::F32, shape, build).unwrap();
    let double = results(DType::F64, shape, build).unwrap();
    assert_eq!(single.0.len(), double.0.len());
    for ((name, single), (other, double)) in single.0.iter().zip(&double.0) {
        assert_eq!(name, other);
        assert_eq!(single.len(), double.len(), "{name}");
        let scale = double.iter().fold(1e-3, |scale: f64, x| scale.max(x.abs()));
        for (single, double) in single.iter().zip(double) {
            assert!(
                (single - double).abs() < share * scale,
                "{name}: {single} is not {double}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_linear_layer(
        (rows, inputs, outputs) in (1usize..40, 1usize..60, 1usize..50),
        then in activations(),
        bias in biases(),
    ) {
        compare(&[rows, inputs], &|store| {
            let config = LinearConfig { bias, ..Default::default() };
            let layer = linear_with(inputs, outputs, config, &store.root())?;
            Ok(Box::new(move |x| layer.forward_then(x, then)))
        });
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
        compare(&[batch, inputs, height, width], &|store| {
            let config = Conv2dConfig { kernel, stride, padding, bias, ..Default::default() };
            let layer = conv2d(inputs, outputs, config, &store.root())?;
            Ok(Box::new(move |x| {
                to_channels_first(&layer.forward_channels_last(&to_channels_last(x)?, then)?)
            }))
        });
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
        compare(&[batch, inputs, height, width], &|store| {
            let config = ConvTranspose2dConfig {
                kernel, stride, padding, output_padding, bias, ..Default::default()
            };
            let layer = conv_transpose2d(inputs, outputs, config, &store.root())?;
            Ok(Box::new(move |x| {
                to_channels_first(&layer.forward_channels_last(&to_channels_last(x)?, then)?)
            }))
        });
    }

    #[test]
    fn an_activation(rows in 1usize..300, columns in 1usize..300, then in activations()) {
        use candle_core::Module;
        compare(&[rows, columns], &|_| Ok(Box::new(move |x| then.forward(x))));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    // The gradient of a normalisation by few values is a small difference of large numbers.
    #[test]
    fn a_batch_norm(
        (batch, height, width, channels) in (4usize..9, 1usize..7, 1usize..7, 1usize..40),
        then in activations(),
    ) {
        compare_within(1e-3, &[batch, height, width, channels], &|store| normalisation(store, channels, then));
    }
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
    let statistics = [DType::F32, DType::F64].map(|dtype| {
        let store = ParamStore::new(11, dtype, &Device::Cpu);
        let layer = normalisation(&store, 24, Activation::Relu).unwrap();
        let x = Rng::stream(11, "input", 0).normal((40, 9, 7, 24), DType::F32, &Device::Cpu);
        layer(
            &x.unwrap()
                .affine(2.0, 5.0)
                .unwrap()
                .to_dtype(dtype)
                .unwrap(),
        )
        .unwrap();
        ["running_mean", "running_var"].map(|path| {
            let values = store
                .get(path)
                .unwrap()
                .value()
                .to_dtype(DType::F64)
                .unwrap();
            values.to_vec1::<f64>().unwrap()
        })
    });
    let [single, double] = statistics.map(|statistics| statistics.concat());
    for (single, double) in single.iter().zip(double) {
        assert!((single - double).abs() < 1e-6, "{single} is not {double}");
    }
}

/// Sizes at which the kernels cut their work into several pieces.
#[test]
fn large_layers_agree_too() {
    compare(&[70, 300], &|store| {
        let layer = linear_with(300, 500, LinearConfig::default(), &store.root())?;
        Ok(Box::new(move |x| layer.forward_then(x, Activation::Tanh)))
    });
    compare_within(1e-4, &[9, 16, 28, 48], &|store| {
        normalisation(store, 48, Activation::LeakyRelu)
    });
    compare(&[9, 16, 28, 26], &|store| {
        let config = Conv2dConfig {
            kernel: 4,
            stride: 2,
            padding: 1,
            ..Default::default()
        };
        let layer = conv2d(16, 40, config, &store.root())?;
        Ok(Box::new(move |x| {
            to_channels_first(
                &layer.forward_channels_last(&to_channels_last(x)?, Activation::LeakyRelu)?,
            )
        }))
    });
    compare(&[9, 40, 14, 13], &|store| {
        let config = ConvTranspose2dConfig {
            kernel: 4,
            stride: 2,
            padding: 1,
            ..Default::default()
        };
        let layer = conv_transpose2d(40, 16, config, &store.root())?;
        Ok(Box::new(move |x| {
            to_channels_first(
                &layer.forward_channels_last(&to_channels_last(x)?, Activation::Relu)?,
            )
        }))
    });
}
