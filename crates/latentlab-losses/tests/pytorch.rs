//! Every loss against PyTorch 2 in 64 bits, on one set of inputs.
//!
//! ```python
//! import torch
//! from torch.nn import functional as F
//! from torch.distributions import Normal, kl_divergence
//! torch.set_default_dtype(torch.float64)
//! x = torch.tensor([[.3, -1.2, 2.], [0., 4., -.7]])
//! v = torch.tensor([[-1., .5, 0.], [.2, -.3, 1.]])
//! t = torch.tensor([[0., 1., .2], [1., .6, 0.]])
//! w = torch.tensor([[.1, .9, -.4], [2., -1., .5]])
//! q, p = Normal(x, (v / 2).exp()), Normal(t, (w / 2).exp())
//! one, zero, bce = torch.ones(2, 3), torch.zeros(2, 3), F.binary_cross_entropy_with_logits
//! ```
//!
//! and above each value the expression that prints it.

use candle_core::{Device, Tensor};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    classification, divergence, penalty, reconstruction,
};
use latentlab_tensor::Result;

fn tensor(values: [[f64; 3]; 2]) -> Result<Tensor> {
    Ok(Tensor::new(&values, &Device::Cpu)?)
}

fn x() -> Result<Tensor> {
    tensor([[0.3, -1.2, 2.0], [0.0, 4.0, -0.7]])
}

fn v() -> Result<Tensor> {
    tensor([[-1.0, 0.5, 0.0], [0.2, -0.3, 1.0]])
}

fn t() -> Result<Tensor> {
    tensor([[0.0, 1.0, 0.2], [1.0, 0.6, 0.0]])
}

fn w() -> Result<Tensor> {
    tensor([[0.1, 0.9, -0.4], [2.0, -1.0, 0.5]])
}

#[track_caller]
fn assert_close(actual: Result<Tensor>, expected: &[f64]) {
    let actual = actual.unwrap().flatten_all().unwrap();
    let actual = actual.to_vec1::<f64>().unwrap();
    assert_eq!(actual.len(), expected.len());
    for (a, e) in actual.iter().zip(expected) {
        assert!(
            (a - e).abs() < 1e-12 * e.abs().max(1.0),
            "{actual:?} != {expected:?}"
        );
    }
}

#[test]
fn reconstructions_agree_with_pytorch() -> Result<()> {
    use reconstruction::*;
    let (x, v, t) = (x()?, v()?, t()?);
    // bce(x, t, reduction='none').sum(1)
    assert_close(
        bernoulli_nll(&x, &t),
        &[4.044565722849531, 2.7144831573632127],
    );
    // F.mse_loss(x, t, reduction='none').sum(1)
    assert_close(squared_error(&x, &t), &[8.17, 13.05]);
    // F.l1_loss(x, t, reduction='none').sum(1)
    assert_close(absolute_error(&x, &t), &[4.3, 5.1]);
    // -q.log_prob(t).sum(1)
    assert_close(
        gaussian_nll(&x, &v, &t),
        &[5.716942478399249, 11.508495347029308],
    );
    // -Normal(x, .5 ** .5).log_prob(t).sum(1)
    let fixed = gaussian_nll_with_variance(&x, &t, 0.5);
    assert_close(fixed, &[9.8870948287741, 14.767094828774098]);
    // upper = torch.where(t == 1, torch.inf, (t + 1/510 - x) * (-v).exp())
    // lower = torch.where(t == 0, -torch.inf, (t - 1/510 - x) * (-v).exp())
    // -(upper.sigmoid() - lower.sigmoid()).log().sum(1)
    let logistic = discretised_logistic_nll(&x, &v, &t);
    assert_close(logistic, &[10.392509747695136, 11.606284867690555]);
    Ok(())
}

#[test]
fn the_classification_loss_agrees_with_pytorch() -> Result<()> {
    // F.cross_entropy(x, torch.tensor([2, 0]), reduction='none')
    let labels = Tensor::new(&[2u32, 0], &Device::Cpu)?;
    assert_close(
        classification::cross_entropy(&x()?, &labels),
        &[0.20167124495279057, 4.0270419638636055],
    );
    Ok(())
}

#[test]
fn gaussian_divergences_agree_with_pytorch() -> Result<()> {
    use divergence::*;
    let (x, v, t, w) = (x()?, v()?, t()?, w()?);
    // kl_divergence(q, Normal(0., 1.)).sum(1)
    assert_close(
        gaussian_kl(&x, &v),
        &[3.0233003559357847, 8.635251403650468],
    );
    // kl_divergence(q, p).sum(1)
    let between = gaussian_kl_between(&x, &v, &t, &w);
    assert_close(between, &[3.7388801842502213, 16.641823054937273]);
    // q.log_prob(t).sum(1)
    let density = gaussian_log_density(&t, &x, &v);
    assert_close(density, &[-5.716942478399249, -11.508495347029308]);
    // Normal(0., 1.).log_prob(x).sum(1)
    let standard = standard_normal_log_density(&x);
    assert_close(standard, &[-5.521815599614018, -11.001815599614018]);
    // kl_divergence(q, Normal(0., 1.)).mean(0).clamp(min=1.).sum()
    let per_dimension = gaussian_kl_per_dimension(&x, &v)?;
    assert_close(free_bits(&per_dimension, 1.0), &[6.709455329960223]);
    Ok(())
}

#[test]
fn sample_divergences_agree_with_pytorch() -> Result<()> {
    use divergence::*;
    let (x, w) = (x()?, w()?);
    // x.logsumexp(0) - torch.log(torch.tensor(2.))
    let bound = importance_weighted_bound(&x);
    assert_close(
        bound,
        &[0.16120806390858167, 3.312354223349712, 1.371896381216645],
    );
    // (w - x).mean(0)
    assert_close(monte_carlo_kl(&w, &x), &[0.9, -1.45, -0.6]);
    // def mmd(k, d=lambda a, b: torch.cdist(a, b, compute_mode='donot_use_mm_for_euclid_dist') ** 2):
    //     xx, yy, xy = k(d(x, x)), k(d(w, w)), k(d(x, w))
    //     off = lambda m: (m.sum() - m.trace()) / (len(m) * (len(m) - 1))
    //     return xx.mean() + yy.mean() - 2 * xy.mean(), off(xx) + off(yy) - 2 * xy.mean()
    // mmd(lambda d: (-d / 8).exp()), mmd(lambda d: 6 / (6 + d))
    let rbf = Kernel::Rbf { bandwidth: 2.0 };
    let inverse = Kernel::InverseMultiquadric { scale: 6.0 };
    assert_close(mmd_biased(&x, &w, rbf), &[0.6291312020544733]);
    assert_close(mmd_unbiased(&x, &w, rbf), &[-0.18085021961043246]);
    assert_close(mmd_biased(&x, &w, inverse), &[0.5613526523027118]);
    assert_close(mmd_unbiased(&x, &w, inverse), &[-0.15059915239373456]);
    Ok(())
}

#[test]
fn adversarial_losses_agree_with_pytorch() -> Result<()> {
    use Objective::*;
    let (x, w) = (x()?, w()?);
    let hard = Smoothing::default();
    let soft = Smoothing {
        real: 0.9,
        fake: 0.1,
    };
    for (objective, smoothing, expected) in [
        (Minimax, hard, 1.645313558359943), // bce(x, one) + bce(w, zero)
        (NonSaturating, hard, 1.645313558359943),
        (Minimax, soft, 1.683646891693276), // bce(x, .9 * one) + bce(w, .1 * one)
        (NonSaturating, soft, 1.683646891693276),
        (LeastSquares, hard, 2.1208333333333336), // F.mse_loss(x, one)/2 + F.mse_loss(w, zero)/2
        (LeastSquares, soft, 2.069166666666667), // F.mse_loss(x, .9*one)/2 + F.mse_loss(w, .1*one)/2
        (Hinge, hard, 2.283333333333333),        // (1 - x).relu().mean() + (1 + w).relu().mean()
        (Wasserstein, hard, -0.38333333333333325), // w.mean() - x.mean()
    ] {
        assert_close(objective.discriminator_loss(&x, &w, smoothing), &[expected]);
    }
    for (objective, expected) in [
        (Minimax, -0.9854720783244856),      // -bce(w, zero)
        (NonSaturating, 0.6354720783244856), // bce(w, one)
        (LeastSquares, 0.6691666666666668),  // F.mse_loss(w, one) / 2
        (Hinge, -0.35),                      // -w.mean()
        (Wasserstein, -0.35),
    ] {
        assert_close(objective.generator_loss(&w), &[expected]);
    }
    Ok(())
}

#[test]
fn penalties_agree_with_pytorch() -> Result<()> {
    use penalty::*;
    let (x, t) = (x()?, t()?);
    // n = x.norm(dim=1); n ** 2
    assert_close(squared_gradient_norm(&x), &[5.53, 16.49]);
    // 5 * (n ** 2).mean()
    assert_close(r1(&x, 10.0), &[55.05]);
    assert_close(r2(&x, 10.0), &[55.05]);
    // 10 * ((n - 3) ** 2).mean(), 10 * ((n - 3).relu() ** 2).mean()
    assert_close(wgan_gp(&x, 3.0, Sided::Two, 10.0), &[7.728500876689205]);
    assert_close(wgan_gp(&x, 3.0, Sided::One, 10.0), &[5.626356974518285]);
    // e = torch.tensor([.25, .5]); e[:, None] * x + (1 - e[:, None]) * t
    let epsilon = Tensor::new(&[0.25, 0.5], &Device::Cpu)?;
    let between = interpolate(&x, &t, &epsilon);
    assert_close(between, &[0.075, 0.45, 0.65, 0.5, 2.3, -0.35]);
    // x + .5 * x.std(correction=0) * t
    let perturbed = dragan_perturb(&x, &t);
    let expected = [
        0.3,
        -0.3150957365027811,
        2.176980852699444,
        0.8849042634972188,
        4.530942558098332,
        -0.7,
    ];
    assert_close(perturbed, &expected);
    Ok(())
}
