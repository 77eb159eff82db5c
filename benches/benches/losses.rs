//! The losses: value alone, and value with gradient, on a batch of 128 images of 784 pixels.

use candle_core::{DType, Device, Tensor, Var};
use criterion::{Criterion, criterion_group, criterion_main};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    batch_mean, divergence, penalty, reconstruction,
};
use latentlab_tensor::{Result, Rng};

const BATCH: usize = 128;
const PIXELS: usize = 784;
const LATENT: usize = 32;
const SAMPLES: usize = 50;

/// Times `loss` of a standard normal input of `shape`, and then the same with its gradient.
fn bench(
    criterion: &mut Criterion,
    name: &str,
    shape: &[usize],
    loss: impl Fn(&Tensor) -> Result<Tensor>,
) {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let mut group = criterion.benchmark_group(format!("{name} {}", sizes.join("x")));
    let input = Var::from_tensor(&normal(name, shape)).expect("a tensor can be a variable");
    let constant = input.as_detached_tensor();
    group.bench_function("value", |bencher| {
        bencher.iter(|| synchronised(loss(&constant)));
    });
    group.bench_function("value and gradient", |bencher| {
        bencher.iter(|| {
            synchronised(loss(&input))
                .backward()
                .expect("the loss is tracked")
        });
    });
    group.finish();
}

fn synchronised(loss: Result<Tensor>) -> Tensor {
    let loss = loss.expect("the shapes fit");
    loss.device().synchronize().expect("the device answers");
    loss
}

fn normal(purpose: &str, shape: &[usize]) -> Tensor {
    let mut rng = Rng::stream(0, purpose, 0);
    rng.normal(shape, DType::F32, &Device::Cpu)
        .expect("the shape is small")
}

fn reconstructions(criterion: &mut Criterion) {
    use reconstruction::*;
    let shape = [BATCH, PIXELS];
    let levels: Vec<f32> = (0..BATCH * PIXELS)
        .map(|i| (i % 256) as f32 / 255.0)
        .collect();
    let images = &Tensor::from_vec(levels, &shape, &Device::Cpu).expect("the count fits");
    bench(criterion, "bernoulli_nll", &shape, |x| {
        batch_mean(&bernoulli_nll(x, images)?)
    });
    bench(criterion, "squared_error", &shape, |x| {
        batch_mean(&squared_error(x, images)?)
    });
    bench(criterion, "absolute_error", &shape, |x| {
        batch_mean(&absolute_error(x, images)?)
    });
    bench(criterion, "gaussian_nll", &shape, |x| {
        batch_mean(&gaussian_nll(x, x, images)?)
    });
    bench(criterion, "discretised_logistic_nll", &shape, |x| {
        batch_mean(&discretised_logistic_nll(x, x, images)?)
    });
}

fn divergences(criterion: &mut Criterion) {
    use divergence::*;
    let shape = [BATCH, LATENT];
    let other = &normal("other", &shape);
    bench(criterion, "gaussian_kl", &shape, |x| {
        batch_mean(&gaussian_kl(x, x)?)
    });
    bench(criterion, "free_bits", &shape, |x| {
        free_bits(&gaussian_kl_per_dimension(x, x)?, 0.5)
    });
    let kernel = Kernel::InverseMultiquadric {
        scale: 2.0 * LATENT as f64,
    };
    bench(criterion, "mmd_unbiased", &shape, |x| {
        mmd_unbiased(x, other, kernel)
    });
    bench(
        criterion,
        "gaussian_log_density",
        &[SAMPLES, BATCH, LATENT],
        |z| Ok(gaussian_log_density(z, other, other)?.mean_all()?),
    );
    bench(
        criterion,
        "importance_weighted_bound",
        &[SAMPLES, BATCH],
        |weights| batch_mean(&importance_weighted_bound(weights)?),
    );
}

fn adversarial(criterion: &mut Criterion) {
    use Objective::*;
    for objective in [Minimax, NonSaturating, LeastSquares, Hinge, Wasserstein] {
        let name = format!("discriminator_loss {objective:?}");
        bench(criterion, &name, &[BATCH, 1], |logits| {
            objective.discriminator_loss(logits, logits, Smoothing::default())
        });
        let name = format!("generator_loss {objective:?}");
        bench(criterion, &name, &[BATCH, 1], |logits| {
            objective.generator_loss(logits)
        });
    }
}

fn penalties(criterion: &mut Criterion) {
    use penalty::*;
    let shape = [BATCH, PIXELS];
    bench(criterion, "r1", &shape, |gradient| r1(gradient, 10.0));
    bench(criterion, "wgan_gp", &shape, |gradient| {
        wgan_gp(gradient, 1.0, Sided::Two, 10.0)
    });
}

criterion_group!(losses, reconstructions, divergences, adversarial, penalties);
criterion_main!(losses);
