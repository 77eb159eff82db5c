//! Drawing from a normal distribution such that gradients reach its parameters.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use latentlab_kernels::{math, uninitialised, vectorised};

use crate::{
    autograd::apply3,
    cpu::{contiguous, is_for, tensor, view},
    is_final_backward,
};

/// `μ + e^(v/2) ε`: a draw from `N(μ, eᵛ)` for every draw `ε` from `N(0, 1)` (Kingma and Welling
/// 2014, section 2.4).
///
/// `mu`, `log_var` `v` and `noise` `ε` of one shape, `[N, D]` say, to the same shape. Differentiable
/// by all three, to any order; recorded within a [`segment`](crate::segment).
///
/// # Errors
/// If the shapes differ.
pub fn reparameterise(mu: &Tensor, log_var: &Tensor, noise: &Tensor) -> Result<Tensor> {
    if mu.dims() != log_var.dims() || mu.dims() != noise.dims() {
        let shapes = [mu, log_var, noise].map(Tensor::dims);
        bail!("cannot draw with mean, log variance and noise of shapes {shapes:?}");
    }
    if !is_for(&[mu, log_var, noise]) {
        return mu + ((log_var * 0.5)?.exp()? * noise)?;
    }
    let (mu, log_var, noise) = (mu.contiguous()?, log_var.contiguous()?, noise.contiguous()?);
    apply3(&mu, &log_var, &noise, Draw)
}

struct Draw;

impl CustomOp3 for Draw {
    fn name(&self) -> &'static str {
        "reparameterise"
    }

    fn cpu_fwd(
        &self,
        mu: &CpuStorage,
        mu_layout: &Layout,
        log_var: &CpuStorage,
        log_var_layout: &Layout,
        noise: &CpuStorage,
        noise_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let mu = contiguous(mu, mu_layout)?;
        let log_var = contiguous(log_var, log_var_layout)?;
        let noise = contiguous(noise, noise_layout)?;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: `write_draws` writes every value.
        let mut z = unsafe { uninitialised(mu.len()) };
        write_draws(mu, log_var, noise, &mut z);
        Ok((CpuStorage::F32(z), mu_layout.shape().clone()))
    }

    fn bwd(
        &self,
        mu: &Tensor,
        log_var: &Tensor,
        noise: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let by_mu = mu.track_op().then(|| gradient.clone());
        if is_final_backward() && !noise.track_op() {
            let by_log_var = || {
                let gradient = gradient.contiguous()?;
                #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
                // SAFETY: `write_slopes` writes every value.
                let mut slopes = unsafe { uninitialised(gradient.elem_count()) };
                write_slopes(
                    &view(log_var)?,
                    &view(noise)?,
                    &view(&gradient)?,
                    &mut slopes,
                );
                tensor(slopes, log_var.shape())
            };
            return Ok((
                by_mu,
                log_var.track_op().then(by_log_var).transpose()?,
                None,
            ));
        }
        let scaled = (gradient * (log_var * 0.5)?.exp()?)?;
        let by_log_var = || (&scaled * noise)? * 0.5;
        Ok((
            by_mu,
            log_var.track_op().then(by_log_var).transpose()?,
            noise.track_op().then(|| scaled.clone()),
        ))
    }
}

vectorised! {
    fn write_draws(mu: &[f32], log_var: &[f32], noise: &[f32], z: &mut [f32]) {
        for (((z, mu), log_var), noise) in z.iter_mut().zip(mu).zip(log_var).zip(noise) {
            *z = mu + math::exp(0.5 * log_var) * noise;
        }
    }

    /// `½ e^(v/2) ε` times the gradient.
    fn write_slopes(log_var: &[f32], noise: &[f32], gradient: &[f32], result: &mut [f32]) {
        let values = log_var.iter().zip(noise).zip(gradient);
        for (result, ((log_var, noise), gradient)) in result.iter_mut().zip(values) {
            *result = 0.5 * math::exp(0.5 * log_var) * noise * gradient;
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use latentlab_testing::Unit;

    use super::*;
    use crate::{
        Rng, final_backward,
        gradcheck::{check_gradient, check_second_order},
    };

    fn inputs(dtype: DType) -> [Tensor; 3] {
        [0, 1, 2].map(|index| {
            let mut rng = Rng::stream(1, "reparameterise", index);
            rng.normal((5, 7), dtype, &Device::Cpu).unwrap()
        })
    }

    fn loss(inputs: &[Tensor]) -> crate::Result<Tensor> {
        let z = reparameterise(&inputs[0], &inputs[1], &inputs[2])?;
        Ok(z.sqr()?.sum_all()?)
    }

    #[test]
    fn its_gradients_are_right_to_second_order() {
        let inputs = inputs(DType::F64);
        assert!(check_gradient(&inputs, loss).unwrap() < 1e-7);
        assert!(check_second_order(&inputs, loss).unwrap() < 1e-6);
    }

    #[test]
    fn the_kernels_agree_with_the_composition() {
        assert_gradients_agree(final_backward);
        assert_gradients_agree(|loss| Ok(loss.backward()?));
    }

    fn assert_gradients_agree(
        backward: fn(&Tensor) -> crate::Result<candle_core::backprop::GradStore>,
    ) {
        let gradients = |dtype: DType| -> Vec<Vec<f64>> {
            let [mu, log_var, noise] = inputs(DType::F32).map(|x| x.to_dtype(dtype).unwrap());
            let (mu, log_var) = (
                Var::from_tensor(&mu).unwrap(),
                Var::from_tensor(&log_var).unwrap(),
            );
            let tensors = [mu.as_tensor().clone(), log_var.as_tensor().clone(), noise];
            let gradients = backward(&loss(&tensors).unwrap()).unwrap();
            let read = |x: &Tensor| {
                let x = x.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
                x.to_vec1().unwrap()
            };
            vec![
                read(gradients.get(&mu).unwrap()),
                read(gradients.get(&log_var).unwrap()),
            ]
        };
        let [by_mu, by_log_var] = terms();
        let results = gradients(DType::F32).into_iter().zip(gradients(DType::F64));
        for ((ours, exact), terms) in results.zip([by_mu, by_log_var]) {
            for ((ours, exact), terms) in ours.iter().zip(exact).zip(terms) {
                let error = Unit::F32.share(16) * terms;
                assert!(
                    (ours - exact).abs() <= error,
                    "{ours} is not {exact} up to {error}"
                );
            }
        }
    }

    /// The sums of the absolute terms of the gradients: `2 (μ + s ε)` and `(μ + s ε) s ε`, with
    /// `s = e^(v/2)`, whose values may cancel. A term takes four roundings to `s ε`, of which `s` takes
    /// three, and one each to sum, square and product: fewer than 16, also where both are differentiated.
    fn terms() -> [Vec<f64>; 2] {
        let [mu, log_var, noise] = inputs(DType::F32).map(|tensor| {
            let tensor = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
            tensor.to_vec1::<f64>().unwrap()
        });
        let places = 0..mu.len();
        let moved: Vec<f64> = places
            .clone()
            .map(|i| (0.5 * log_var[i]).exp() * noise[i].abs())
            .collect();
        let sums = places.map(|i| mu[i].abs() + moved[i]);
        let by_mu: Vec<f64> = sums.map(|sum| 2.0 * sum).collect();
        let by_log_var = by_mu
            .iter()
            .zip(moved)
            .map(|(sum, moved)| sum / 2.0 * moved);
        [by_mu.clone(), by_log_var.collect()]
    }

    #[test]
    fn shapes_that_differ_are_refused() {
        let [mu, log_var, noise] = inputs(DType::F32);
        let error = reparameterise(&mu, &log_var.t().unwrap(), &noise).unwrap_err();
        assert!(
            error.to_string().contains("[5, 7], [7, 5], [5, 7]"),
            "{error}"
        );
    }
}
