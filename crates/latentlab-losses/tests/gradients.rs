//! The gradient of every loss, and the gradient of that gradient, against finite differences.

use candle_core::{DType, Device, Tensor};
use latentlab_losses::{
    adversarial::{Objective, Smoothing, value},
    batch_mean, classification, divergence, numerics, penalty, reconstruction,
};
use latentlab_tensor::{
    Result, Rng,
    gradcheck::{check_gradient, check_second_order},
};

const N: usize = 3;
const D: usize = 4;

/// Normal entries `[3, 4]`, none within 0.05 of a kink of the losses (0 and ±1).
fn normal(purpose: &str) -> Result<Tensor> {
    let mut rng = Rng::stream(0, purpose, 0);
    let mut values = Vec::new();
    while values.len() < N * D {
        let (value, _) = rng.normal_pair();
        if [-1.0f64, 0.0, 1.0]
            .iter()
            .all(|kink| (value - kink).abs() > 0.05)
        {
            values.push(value);
        }
    }
    Ok(Tensor::from_vec(values, (N, D), &Device::Cpu)?)
}

/// Grey levels `[3, 4]`, the lowest and the highest among them.
fn levels() -> Result<Tensor> {
    let levels: Vec<f64> = (0..N * D)
        .map(|i| (i * 255 / (N * D - 1)) as f64 / 255.0)
        .collect();
    Ok(Tensor::from_vec(levels, (N, D), &Device::Cpu)?)
}

#[track_caller]
fn assert_right(inputs: &[Tensor], loss: impl Fn(&[Tensor]) -> Result<Tensor>) {
    let first = check_gradient(inputs, &loss).unwrap();
    let second = check_second_order(inputs, &loss).unwrap();
    assert!(first < 1e-8, "the gradient is off by {first}");
    assert!(second < 1e-7, "the second derivative is off by {second}");
}

#[test]
fn of_the_stable_logarithms() -> Result<()> {
    let x = normal("x")?;
    // With the point 0 itself, where a plain relu would show.
    let with_zero = Tensor::cat(&[&x, &Tensor::zeros((N, 1), DType::F64, &Device::Cpu)?], 1)?;
    let smooth = [with_zero];
    assert_right(&smooth, |x| Ok(numerics::softplus(&x[0])?.sum_all()?));
    assert_right(&smooth, |x| Ok(numerics::log_sigmoid(&x[0])?.sum_all()?));
    // Ties of the maximum, where a plain max would show.
    let tied = [Tensor::cat(&[&x, &x], 0)?];
    assert_right(&tied, |x| Ok(numerics::log_mean_exp(&x[0], 0)?.sum_all()?));
    Ok(())
}

#[test]
fn of_the_reconstructions() -> Result<()> {
    use reconstruction::*;
    let inputs = [normal("prediction")?, normal("log_var")?];
    let target = levels()?;
    let grey = &target;
    assert_right(&inputs[..1], |x| batch_mean(&bernoulli_nll(&x[0], grey)?));
    assert_right(&inputs[..1], |x| batch_mean(&squared_error(&x[0], grey)?));
    assert_right(&inputs[..1], |x| batch_mean(&absolute_error(&x[0], grey)?));
    assert_right(&inputs, |x| batch_mean(&gaussian_nll(&x[0], &x[1], grey)?));
    assert_right(&inputs[..1], |x| {
        batch_mean(&gaussian_nll_with_variance(&x[0], grey, 0.3)?)
    });
    assert_right(&inputs, |x| {
        batch_mean(&discretised_logistic_nll(&x[0], &x[1], grey)?)
    });
    Ok(())
}

#[test]
fn of_the_classification() -> Result<()> {
    let labels = Tensor::new(&[3u32, 0, 0], &Device::Cpu)?;
    assert_right(&[normal("logits")?], |x| {
        batch_mean(&classification::cross_entropy(&x[0], &labels)?)
    });
    // Ties of the largest logit, where a plain max would show.
    let tied = Tensor::zeros((N, D), DType::F64, &Device::Cpu)?;
    assert_right(&[tied], |x| {
        batch_mean(&classification::cross_entropy(&x[0], &labels)?)
    });
    Ok(())
}

#[test]
fn of_a_variance_shared_by_all_pixels() -> Result<()> {
    use reconstruction::*;
    let inputs = [normal("prediction")?, Tensor::new(&[0.3f64], &Device::Cpu)?];
    let grey = &levels()?;
    assert_right(&inputs, |x| batch_mean(&gaussian_nll(&x[0], &x[1], grey)?));
    assert_right(&inputs, |x| {
        batch_mean(&discretised_logistic_nll(&x[0], &x[1], grey)?)
    });
    Ok(())
}

#[test]
fn of_the_gaussian_divergences() -> Result<()> {
    use divergence::*;
    let inputs = [
        normal("mu_q")?,
        normal("v_q")?,
        normal("mu_p")?,
        normal("v_p")?,
    ];
    let normal = &inputs[..2];
    assert_right(normal, |x| batch_mean(&gaussian_kl(&x[0], &x[1])?));
    assert_right(&inputs, |x| {
        batch_mean(&gaussian_kl_between(&x[0], &x[1], &x[2], &x[3])?)
    });
    assert_right(&inputs[..3], |x| {
        batch_mean(&gaussian_log_density(&x[0], &x[1], &x[2])?)
    });
    assert_right(&inputs[..1], |x| {
        batch_mean(&standard_normal_log_density(&x[0])?)
    });
    // Between the smallest and the largest of the four dimensions, so that both branches are taken.
    let per_dimension = gaussian_kl_per_dimension(&inputs[0], &inputs[1])?.mean(0)?;
    let mut sizes = per_dimension.to_vec1::<f64>()?;
    sizes.sort_by(f64::total_cmp);
    let lambda = (sizes[1] + sizes[2]) / 2.0;
    assert_right(normal, |x| {
        free_bits(&gaussian_kl_per_dimension(&x[0], &x[1])?, lambda)
    });
    Ok(())
}

#[test]
fn of_the_sample_divergences() -> Result<()> {
    use divergence::*;
    let inputs = [normal("x")?, normal("y")?];
    assert_right(&inputs, |x| batch_mean(&monte_carlo_kl(&x[0], &x[1])?));
    assert_right(&inputs[..1], |x| {
        batch_mean(&importance_weighted_bound(&x[0])?)
    });
    for kernel in [
        Kernel::Rbf { bandwidth: 1.5 },
        Kernel::InverseMultiquadric { scale: 2.0 },
    ] {
        assert_right(&inputs, |x| mmd_biased(&x[0], &x[1], kernel));
        assert_right(&inputs, |x| mmd_unbiased(&x[0], &x[1], kernel));
    }
    Ok(())
}

#[test]
fn of_both_sides_of_every_game() -> Result<()> {
    use Objective::*;
    let inputs = [normal("real")?, normal("fake")?];
    let hard = Smoothing::default();
    let soft = Smoothing {
        real: 0.9,
        fake: 0.05,
    };
    for objective in [Minimax, NonSaturating, LeastSquares, Hinge, Wasserstein] {
        assert_right(&inputs, |x| {
            objective.discriminator_loss(&x[0], &x[1], hard)
        });
        assert_right(&inputs[1..], |x| objective.generator_loss(&x[0]));
    }
    for objective in [Minimax, NonSaturating, LeastSquares] {
        assert_right(&inputs, |x| {
            objective.discriminator_loss(&x[0], &x[1], soft)
        });
    }
    assert_right(&inputs, |x| value(&x[0], &x[1]));
    Ok(())
}

#[test]
fn of_the_penalties() -> Result<()> {
    use penalty::*;
    let inputs = [normal("gradient")?];
    assert_right(&inputs, |g| r1(&g[0], 10.0));
    assert_right(&inputs, |g| r2(&g[0], 10.0));
    assert_right(&inputs, |g| wgan_gp(&g[0], 1.0, Sided::Two, 10.0));
    assert_right(&inputs, |g| wgan_gp(&g[0], 1.0, Sided::One, 10.0));
    Ok(())
}

#[test]
fn of_the_points_at_which_a_penalty_is_taken() -> Result<()> {
    use penalty::*;
    let epsilon = Tensor::new(&[0.1f64, 0.5, 0.9], &Device::Cpu)?;
    let inputs = [normal("real")?, normal("fake")?, epsilon];
    assert_right(&inputs, |x| {
        Ok(interpolate(&x[0], &x[1], &x[2])?.sqr()?.mean_all()?)
    });
    assert_right(&inputs[..2], |x| {
        Ok(dragan_perturb(&x[0], &x[1])?.sqr()?.mean_all()?)
    });
    Ok(())
}
