//! The figures of samples beside data: 10,000 items of 64 features on each side.

use candle_core::{DType, Device, Tensor};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use latentlab_metrics::{
    Features, Moments, Subsets, classifier_score, density_coverage, diversity, frechet_distance,
    kernel_distance, nearest_neighbours, precision_recall,
};
use latentlab_tensor::Rng;

const ITEMS: usize = 10_000;
const FEATURES: usize = 64;
const CLASSES: usize = 10;

fn uniform(purpose: &str, columns: usize) -> Tensor {
    let mut rng = Rng::stream(0, purpose, 0);
    rng.uniform(0.0, 1.0, (ITEMS, columns), DType::F32, &Device::Cpu)
        .expect("the shape is small")
}

fn features(purpose: &str) -> Features {
    Features::of(&uniform(purpose, FEATURES)).expect("the values are numbers")
}

/// Class probabilities of each item.
fn probabilities() -> candle_core::Result<Tensor> {
    let scores = uniform("classes", CLASSES);
    scores.broadcast_div(&scores.sum_keepdim(1)?)
}

fn metrics(criterion: &mut Criterion) {
    let (real, generated) = (features("real"), features("generated"));
    let mut group = criterion.benchmark_group(format!("metrics {ITEMS}x{FEATURES}"));
    group.sample_size(10);
    group.bench_function("frechet_distance", |bencher| {
        bencher.iter(|| {
            let (real, generated) = (Moments::of(&real), Moments::of(&generated));
            let [real, generated] = [real, generated].map(|side| side.expect("enough items"));
            frechet_distance(&real, &generated).expect("the features are alike")
        });
    });
    group.bench_function("kernel_distance", |bencher| {
        let subsets = Subsets {
            count: 100,
            size: 1000,
        };
        bencher.iter_batched(
            || Rng::stream(0, "subsets", 0),
            |mut rng| kernel_distance(&real, &generated, subsets, &mut rng).expect("enough items"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("precision_recall", |bencher| {
        bencher.iter(|| precision_recall(&real, &generated, 3).expect("enough items"));
    });
    group.bench_function("density_coverage", |bencher| {
        bencher.iter(|| density_coverage(&real, &generated, 5).expect("enough items"));
    });
    group.bench_function("nearest_neighbours", |bencher| {
        bencher.iter(|| nearest_neighbours(&generated, &real).expect("the features are alike"));
    });
    group.bench_function("diversity", |bencher| {
        bencher.iter_batched(
            || Rng::stream(0, "pairs", 0),
            |mut rng| diversity(&real, &generated, 20_000, &mut rng).expect("enough items"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
    let probabilities = probabilities().expect("the shapes fit");
    let scores = Features::of(&probabilities).expect("the values are numbers");
    criterion.bench_function("classifier_score 10000x10", |bencher| {
        bencher.iter(|| classifier_score(&scores, 10).expect("the rows are probabilities"));
    });
}

criterion_group!(benches, metrics);
criterion_main!(benches);
