//! The layers: forward alone, and forward with backward to input and parameters, on the shapes of a
//! dense network and of a DCGAN on images of 28x28.

use candle_core::{DType, Device, Module, Tensor, Var};
use criterion::{Criterion, criterion_group, criterion_main};
use latentlab_tensor::{Mode, ParamBuilder, ParamStore, Result, Rng};

const BATCH: usize = 64;

/// Times the layer that `declare` makes on a standard normal input of `shape`.
fn bench<Layer>(
    criterion: &mut Criterion,
    name: &str,
    shape: &[usize],
    declare: impl FnOnce(&ParamBuilder) -> Result<Layer>,
    forward: impl Fn(&Layer, &Tensor) -> Result<Tensor>,
) {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut group = criterion.benchmark_group(format!("{name} {}", sizes.join("x")));
    let store = ParamStore::new(0, DType::F32, &Device::Cpu);
    let layer = declare(&store.root()).expect("the sizes fit");
    let mut rng = Rng::stream(0, name, 0);
    let input = rng
        .normal(shape, DType::F32, &Device::Cpu)
        .and_then(|input| Ok(Var::from_tensor(&input)?))
        .expect("the shape is small");
    let run = |input: &Tensor| {
        let output = forward(&layer, input).expect("the shapes fit");
        output.device().synchronize().expect("the device answers");
        output
    };
    group.bench_function("forward and backward", |bencher| {
        bencher.iter(|| {
            let sum = run(&input).sum_all().expect("a tensor has a sum");
            let gradients = sum.backward().expect("the input is tracked");
            sum.device().synchronize().expect("the device answers");
            gradients
        });
    });
    store.freeze();
    let constant = input.as_detached_tensor();
    group.bench_function("forward", |bencher| bencher.iter(|| run(&constant)));
    group.finish();
}

fn forward(layer: &impl Module, x: &Tensor) -> Result<Tensor> {
    Ok(layer.forward(x)?)
}

fn affine(criterion: &mut Criterion) {
    bench(
        criterion,
        "linear 784 to 512",
        &[BATCH, 784],
        |params| latentlab_nn::linear(784, 512, params),
        forward,
    );
    for norm in [
        latentlab_nn::WeightNorm::None,
        latentlab_nn::WeightNorm::Spectral,
    ] {
        let config = latentlab_nn::Conv2dConfig {
            kernel: 4,
            stride: 2,
            padding: 1,
            norm,
            ..Default::default()
        };
        bench(
            criterion,
            &format!("conv2d 64 to 128, kernel 4, stride 2, norm {norm:?}"),
            &[BATCH, 64, 14, 14],
            |params| latentlab_nn::conv2d(64, 128, config, params),
            forward,
        );
    }
    let config = latentlab_nn::ConvTranspose2dConfig {
        kernel: 4,
        stride: 2,
        padding: 1,
        ..Default::default()
    };
    bench(
        criterion,
        "conv_transpose2d 128 to 64, kernel 4, stride 2",
        &[BATCH, 128, 7, 7],
        |params| latentlab_nn::conv_transpose2d(128, 64, config, params),
        forward,
    );
}

fn norms(criterion: &mut Criterion) {
    for mode in [Mode::Train, Mode::Eval] {
        bench(
            criterion,
            &format!("batch_norm {mode:?}"),
            &[BATCH, 64, 14, 14],
            |params| latentlab_nn::batch_norm(64, Default::default(), params),
            |layer, x| layer.forward(x, mode),
        );
    }
    bench(
        criterion,
        "layer_norm",
        &[BATCH, 512],
        |params| latentlab_nn::layer_norm(512, params),
        forward,
    );
}

fn elementwise(criterion: &mut Criterion) {
    use latentlab_nn::Activation::{Elu, Gelu, LeakyRelu, Relu, Sigmoid, Silu, Tanh};
    let shape = [BATCH, 64, 14, 14];
    for activation in [Relu, LeakyRelu, Elu, Silu, Gelu, Tanh, Sigmoid] {
        let name = format!("{activation:?}");
        bench(criterion, &name, &shape, |_| Ok(activation), forward);
    }
    bench(
        criterion,
        "dropout 0.5",
        &shape,
        |_| latentlab_nn::Dropout::new(0.5),
        |layer, x| layer.forward(x, Mode::Train, &mut Rng::stream(0, "dropout", 0)),
    );
    bench(
        criterion,
        "upsample_nearest by 2",
        &[BATCH, 64, 7, 7],
        |_| Ok(()),
        |(), x| latentlab_tensor::ops::upsample_nearest(x, 2),
    );
}

criterion_group!(benches, affine, norms, elementwise);
criterion_main!(benches);
