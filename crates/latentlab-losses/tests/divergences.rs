//! What every divergence and bound promises, on random inputs in 64 bits.

use std::f64::consts::TAU;

use candle_core::{D, Device, Tensor};
use latentlab_losses::{divergence::*, numerics::log_mean_exp};
use latentlab_tensor::{Result, Rng};
use latentlab_testing::Unit;
use proptest::prelude::*;

/// What rounding can do to means of kernels, of log weights and of divergences: their absolute terms add
/// up to less than 1000, and take fewer than 64 roundings each, `64 u` of 1000 or `7e-12`.
const TINY: f64 = 1e-11;

const KERNELS: [Kernel; 2] = [
    Kernel::Rbf { bandwidth: 1.5 },
    Kernel::InverseMultiquadric { scale: 2.0 },
];

fn log_weights(count: usize) -> impl Strategy<Value = Tensor> {
    let weights = prop::collection::vec(-50.0..50.0f64, count);
    weights.prop_map(|weights| Tensor::new(weights, &Device::Cpu).unwrap())
}

fn entries(count: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-3.0..3.0f64, count)
}

/// `[N, 3]` of the values, whatever their number.
fn rows(values: &[f64]) -> Tensor {
    Tensor::from_slice(values, (values.len() / 3, 3), &Device::Cpu).unwrap()
}

/// The rows of `tensor` that `members` names.
fn select(tensor: &Tensor, members: &[u32]) -> Tensor {
    tensor
        .index_select(&Tensor::new(members, &Device::Cpu).unwrap(), 0)
        .unwrap()
}

fn scalar(tensor: Result<Tensor>) -> f64 {
    tensor.unwrap().to_scalar().unwrap()
}

fn vector(tensor: Result<Tensor>) -> Vec<f64> {
    tensor.unwrap().to_vec1().unwrap()
}

/// Whether two sums agree that were computed in two ways, from terms of which these are the sums of
/// the absolute values. No term here takes more than 64 roundings either way.
fn close(a: &[f64], b: &[f64], terms: &[f64]) -> bool {
    assert_eq!((a.len(), b.len()), (terms.len(), terms.len()));
    let share = 2.0 * Unit::F64.share(64);
    let mut values = a.iter().zip(b).zip(terms);
    values.all(|((a, b), terms)| (a - b).abs() <= share * terms)
}

/// The absolute terms of the log densities `ln N(x; μ, e^v)`, summed over the last dimension: those of
/// the square too, which cancel in `x − μ`.
fn density_terms(x: &Tensor, mu: &Tensor, log_var: &Tensor) -> Tensor {
    let terms = || {
        let size = x.abs()?.broadcast_add(&mu.abs()?)?;
        let square = size.sqr()?.broadcast_mul(&log_var.neg()?.exp()?)?;
        let rest = (log_var.abs()? + TAU.ln())?;
        (square.broadcast_add(&rest)? * 0.5)?.sum(D::Minus1)
    };
    terms().unwrap()
}

/// The absolute terms of the divergences of two normal distributions, summed over the dimensions.
fn kl_terms(mu: &Tensor, log_var: &Tensor, mu_p: &Tensor, log_var_p: &Tensor) -> Vec<f64> {
    let terms = || {
        let size = (mu.abs()? + mu_p.abs()?)?;
        let square = ((size.sqr()? + log_var.exp()?)? * log_var_p.neg()?.exp()?)?;
        let rest = ((log_var.abs()? + log_var_p.abs()?)? + 1.0)?;
        ((square + rest)? * 0.5)?.sum(D::Minus1)?.to_vec1()
    };
    terms().unwrap()
}

proptest! {
    #![proptest_config(latentlab_testing::cases(256))]

    #[test]
    fn gaussian_kl_is_never_negative_and_zero_only_for_the_same(
        mu in entries(6), v in entries(6), mu_p in entries(6), v_p in entries(6)
    ) {
        let (mu, v, mu_p, v_p) = (rows(&mu), rows(&v), rows(&mu_p), rows(&v_p));
        let zero = mu.zeros_like().unwrap();
        let between = vector(gaussian_kl_between(&mu, &v, &mu_p, &v_p));
        prop_assert!(between.into_iter().all(|kl| kl > 0.0));
        prop_assert!(vector(gaussian_kl(&mu, &v)).into_iter().all(|kl| kl > 0.0));
        prop_assert_eq!(vector(gaussian_kl_between(&mu, &v, &mu, &v)), [0.0, 0.0]);
        prop_assert_eq!(vector(gaussian_kl(&zero, &zero)), [0.0, 0.0]);
        let to_standard = vector(gaussian_kl_between(&mu, &v, &zero, &zero));
        let terms = kl_terms(&mu, &v, &zero, &zero);
        prop_assert!(close(&to_standard, &vector(gaussian_kl(&mu, &v)), &terms));
        let standard = vector(standard_normal_log_density(&mu));
        let density = vector(gaussian_log_density(&mu, &zero, &zero));
        let terms = density_terms(&mu, &zero, &zero).to_vec1::<f64>().unwrap();
        prop_assert!(close(&standard, &density, &terms));
    }

    /// The log ratio of two diagonal Gaussians is a quadratic without mixed terms, so its mean over
    /// the two points one deviation to either side of the mean is the expectation itself.
    #[test]
    fn gaussian_kl_is_the_mean_log_ratio_at_plus_and_minus_one_deviation(
        mu in entries(6), v in entries(6), mu_p in entries(6), v_p in entries(6)
    ) {
        let (mu, v, mu_p, v_p) = (rows(&mu), rows(&v), rows(&mu_p), rows(&v_p));
        let deviation = (&v * 0.5).unwrap().exp().unwrap();
        let (above, below) = ((&mu + &deviation).unwrap(), (&mu - &deviation).unwrap());
        let z = Tensor::stack(&[above, below], 0).unwrap(); // [2, N, D]
        let log_q = gaussian_log_density(&z, &mu, &v).unwrap(); // [2, N]
        let log_p = gaussian_log_density(&z, &mu_p, &v_p).unwrap();
        let exact = vector(gaussian_kl_between(&mu, &v, &mu_p, &v_p));
        let mean = |terms: Tensor| terms.mean(0).unwrap().to_vec1::<f64>().unwrap();
        let both = [mean(density_terms(&z, &mu, &v)), mean(density_terms(&z, &mu_p, &v_p))];
        let terms = kl_terms(&mu, &v, &mu_p, &v_p).into_iter().zip(&both[0]).zip(&both[1]);
        let terms: Vec<f64> = terms.map(|((kl, log_q), log_p)| kl + log_q + log_p).collect();
        prop_assert!(close(&vector(monte_carlo_kl(&log_q, &log_p)), &exact, &terms));
    }

    #[test]
    fn mmd_is_never_negative_zero_for_equal_sets_and_symmetric(x in entries(12), y in entries(18)) {
        let (x, y) = (rows(&x), rows(&y));
        for kernel in KERNELS {
            let mmd = scalar(mmd_biased(&x, &y, kernel));
            prop_assert!((-TINY..=2.0).contains(&mmd));
            prop_assert_eq!(scalar(mmd_biased(&x, &x, kernel)), 0.0);
            prop_assert!((mmd - scalar(mmd_biased(&y, &x, kernel))).abs() < TINY);
            let unbiased = scalar(mmd_unbiased(&x, &y, kernel));
            prop_assert!((unbiased - scalar(mmd_unbiased(&y, &x, kernel))).abs() < TINY);
            prop_assert!(unbiased <= mmd + TINY);
        }
    }

    /// Every subset of three of five samples, each equally likely: the expectation of the unbiased
    /// estimate within a set is the mean over all its pairs.
    #[test]
    fn unbiased_mmd_keeps_its_mean_over_all_smaller_samples(x in entries(15), y in entries(9)) {
        let (x, y) = (rows(&x), rows(&y));
        for kernel in KERNELS {
            let subsets = subsets(5, 3);
            let estimate = |subset: &Vec<u32>| scalar(mmd_unbiased(&select(&x, subset), &y, kernel));
            let mean = subsets.iter().map(estimate).sum::<f64>() / subsets.len() as f64;
            prop_assert!((mean - scalar(mmd_unbiased(&x, &y, kernel))).abs() < TINY);
        }
    }

    /// Theorem 1 of Burda et al. (2016), exactly: the expectation over all sub-samples of a size.
    #[test]
    fn the_importance_weighted_bound_never_falls_as_samples_are_added(w in log_weights(5)) {
        let bounds: Vec<f64> = (1..=5).map(|size| {
            let subsets = subsets(5, size);
            let bound = |s: &Vec<u32>| scalar(importance_weighted_bound(&select(&w, s)));
            subsets.iter().map(bound).sum::<f64>() / subsets.len() as f64
        }).collect();
        prop_assert!(bounds.is_sorted_by(|less, more| *less <= more + TINY), "{:?}", bounds);
        let elbo = w.mean_all().unwrap().to_scalar::<f64>().unwrap();
        prop_assert!((bounds[0] - elbo).abs() < TINY);
    }

    /// `z ~ N(0, 1)`, `x | z ~ N(a z + b, s²)` in each of three dimensions: `x ~ N(b, a² + s²)`, and
    /// the posterior has variance `s²/(a² + s²)` and mean `a (x − b)/(a² + s²)`.
    #[test]
    fn the_bound_is_exact_for_a_linear_gaussian_model_with_its_posterior(
        x in entries(6), a in entries(6), b in entries(6), v in entries(6),
        noise in entries(24), k in 1usize..=4
    ) {
        let (x, a, b, v) = (rows(&x), rows(&a), rows(&b), rows(&v));
        let noise = rows(&noise[..6 * k]).reshape((k, 2, 3)).unwrap();
        let check = || -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
            let evidence_variance = (a.sqr()? + v.exp()?)?;
            let posterior_mean = ((&a * (&x - &b)?)? / &evidence_variance)?;
            let posterior_log_var = (&v - evidence_variance.log()?)?;
            let deviation = (&posterior_log_var * 0.5)?.exp()?;
            let z = noise.broadcast_mul(&deviation)?.broadcast_add(&posterior_mean)?; // [K, N, D]
            let image_mean = z.broadcast_mul(&a)?.broadcast_add(&b)?;
            let log_prior = standard_normal_log_density(&z)?; // [K, N]
            let log_likelihood = gaussian_log_density(&x, &image_mean, &v)?;
            let log_posterior = gaussian_log_density(&z, &posterior_mean, &posterior_log_var)?;
            let log_weights = ((log_prior + log_likelihood)? - log_posterior)?;
            let evidence_log_var = evidence_variance.log()?;
            let evidence = gaussian_log_density(&x, &b, &evidence_log_var)?;
            // The mean of the image is itself a sum, a z + b, and z one of a (x - b), with x and b.
            let latent = noise.abs()?.broadcast_mul(&deviation)?;
            let centre = ((a.abs()? * (x.abs()? + b.abs()?)?)? / &evidence_variance)?;
            let latent = latent.broadcast_add(&centre)?;
            let image = latent.broadcast_mul(&a.abs()?)?.broadcast_add(&b.abs()?)?;
            let zero = a.zeros_like()?;
            let terms = [
                density_terms(&latent, &zero, &zero),
                density_terms(&image, &x, &v),
                density_terms(&latent, &centre, &posterior_log_var),
            ];
            let terms = Tensor::stack(&terms, 0)?.sum(0)?.max(0)?;
            let terms = (terms + density_terms(&x, &b, &evidence_log_var))?;
            let bound = vector(importance_weighted_bound(&log_weights));
            Ok((bound, evidence.to_vec1()?, terms.to_vec1()?))
        };
        let (bound, evidence, terms) = check().unwrap();
        prop_assert!(close(&bound, &evidence, &terms), "{:?} != {:?}", bound, evidence);
    }

    #[test]
    fn log_mean_exp_lies_between_the_mean_and_the_maximum(x in log_weights(7)) {
        let value = scalar(log_mean_exp(&x, 0));
        prop_assert!(value >= x.mean_all().unwrap().to_scalar::<f64>().unwrap() - TINY);
        prop_assert!(value <= x.max_all().unwrap().to_scalar::<f64>().unwrap());
    }

    #[test]
    fn free_bits_charge_at_least_their_floor_and_the_divergence(
        kl in prop::collection::vec(0.0..3.0f64, 12), lambda in 0.0..2.0f64
    ) {
        let kl = rows(&kl);
        let charged = scalar(free_bits(&kl, lambda));
        let plain = kl.sum_all().unwrap().to_scalar::<f64>().unwrap() / 4.0;
        prop_assert!(charged >= plain - TINY && charged >= 3.0 * lambda - TINY);
        prop_assert!(charged <= plain + 3.0 * lambda);
        prop_assert!((scalar(free_bits(&kl, 0.0)) - plain).abs() < TINY);
    }

    #[test]
    fn the_order_of_the_batch_does_not_matter(
        x in entries(12), y in entries(12), seed in any::<u64>()
    ) {
        let order = Rng::stream(seed, "order", 0).permutation(4);
        let (x, y) = (rows(&x), rows(&y));
        let (moved_x, moved_y) = (select(&x, &order), select(&y, &order));
        let moved_kl = select(&gaussian_kl(&x, &y).unwrap(), &order).to_vec1::<f64>().unwrap();
        prop_assert_eq!(vector(gaussian_kl(&moved_x, &moved_y)), moved_kl);
        let bits = |mu, v| scalar(free_bits(&gaussian_kl_per_dimension(mu, v).unwrap(), 0.5));
        prop_assert!((bits(&x, &y) - bits(&moved_x, &moved_y)).abs() < TINY);
        let bound = |weights| vector(importance_weighted_bound(weights));
        // Logarithms of weights of at most 3, and kernels of at most 1.
        prop_assert!(close(&bound(&x), &bound(&moved_x), &[4.0; 3]));
        for kernel in KERNELS {
            // One set moved, the other not: there are no pairs to keep.
            let mmd = |x| [scalar(mmd_biased(x, &y, kernel)), scalar(mmd_unbiased(x, &y, kernel))];
            prop_assert!(close(&mmd(&x), &mmd(&moved_x), &[4.0; 2]));
        }
    }
}

/// The expectation over 40,000 draws, within five standard errors of the closed form.
#[test]
fn the_monte_carlo_estimate_meets_the_closed_form() -> Result<()> {
    const DRAWS: usize = 40_000;
    let (mu, v) = (rows(&[0.5, -1.0, 2.0]), rows(&[-1.0, 0.5, -2.0]));
    let noise = Rng::stream(3, "draws", 0).normal((DRAWS, 1, 3), mu.dtype(), &Device::Cpu)?;
    let z = noise
        .broadcast_mul(&(&v * 0.5)?.exp()?)?
        .broadcast_add(&mu)?; // [K, 1, 3]
    let log_q = gaussian_log_density(&z, &mu, &v)?;
    let log_p = standard_normal_log_density(&z)?;
    let spread = (&log_q - &log_p)?.var(0)?.to_vec1::<f64>()?[0];
    let error = vector(monte_carlo_kl(&log_q, &log_p))[0] - vector(gaussian_kl(&mu, &v))[0];
    assert!(
        error.abs() < 5.0 * (spread / DRAWS as f64).sqrt(),
        "off by {error}"
    );
    Ok(())
}

#[test]
fn arguments_out_of_range_are_named() {
    let x = rows(&[0.0; 3]);
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert_eq!(
        message(free_bits(&x, -0.5)),
        "free bits must be at least 0 and finite, not -0.5"
    );
    assert_eq!(
        message(mmd_biased(&x, &x, Kernel::Rbf { bandwidth: 0.0 })),
        "the bandwidth of a kernel must be positive and finite, not 0"
    );
    assert_eq!(
        message(mmd_unbiased(&x, &x, KERNELS[0])),
        "the unbiased discrepancy needs two samples of each distribution, not 1"
    );
}

/// Every subset of `0..count` with `size` members.
fn subsets(count: u32, size: u32) -> Vec<Vec<u32>> {
    (0u32..1 << count)
        .filter(|mask| mask.count_ones() == size)
        .map(|mask| {
            (0..count)
                .filter(|member| mask >> member & 1 == 1)
                .collect()
        })
        .collect()
}
