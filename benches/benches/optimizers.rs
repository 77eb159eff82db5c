//! The optimizers: one step of each on the parameters of a dense layer, in one pass over the memory,
//! and the running average of the same parameters.

use candle_core::{DType, Device};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use latentlab_optim::{Ema, EmaConfig, Gradients, Optimizer, OptimizerConfig, Rule};
use latentlab_tensor::{Init, ParamStore, Rng};

/// Rows and columns of a small and of a large weight.
const SHAPES: [(usize, usize); 2] = [(784, 400), (1024, 1024)];

fn store(shape: (usize, usize)) -> ParamStore {
    let store = ParamStore::new(0, DType::F32, &Device::Cpu);
    let declared = store.root().parameter("weight", shape, Init::FanInUniform);
    declared.expect("the path is free");
    store
}

fn name((rows, columns): (usize, usize)) -> String {
    format!("{rows}x{columns}")
}

fn optimizers(criterion: &mut Criterion) {
    for rule in Rule::NAMES {
        let mut group = criterion.benchmark_group(rule);
        for shape in SHAPES {
            let store = store(shape);
            let config = OptimizerConfig {
                rule: Rule::named(rule).expect("a name from the list"),
                ..OptimizerConfig::default()
            };
            let mut optimizer =
                Optimizer::new(&store.parameters(""), config).expect("the shape is small");
            let gradient = Rng::stream(0, "gradient", 0)
                .normal(shape, DType::F32, &Device::Cpu)
                .expect("the shape is small");
            let gradients = Gradients::from([("weight".to_owned(), gradient)]);
            group.bench_function(BenchmarkId::from_parameter(name(shape)), |bencher| {
                bencher.iter(|| optimizer.step(gradients.clone(), 1.0).expect("shapes fit"));
            });
        }
        group.finish();
    }
}

fn average(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ema");
    for shape in SHAPES {
        let (live, averaged) = (store(shape), store(shape));
        let config = EmaConfig {
            decay: 0.999,
            warmup: 0,
            ramp: false,
        };
        let ema = Ema::new(&live, &averaged, config).expect("the same paths");
        group.bench_function(BenchmarkId::from_parameter(name(shape)), |bencher| {
            bencher.iter(|| ema.update(1).expect("shapes fit"));
        });
    }
    group.finish();
}

criterion_group!(benches, optimizers, average);
criterion_main!(benches);
