//! Sums and multiples of tensors on all threads: candle's own run on one.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use latentlab_kernels::{pool, uninitialised, vectorised};

use crate::{
    autograd::apply1,
    cpu::{contiguous, is_for, tensor, view},
};

/// Values that one task handles: 64 KiB of each array.
const TASK: usize = 16 * 1024;

/// `factor · x + shift`, any shape: [`Tensor::affine`] on all threads, recorded within a
/// [`segment`](crate::segment).
///
/// # Errors
/// Those of candle.
pub fn affine(x: &Tensor, factor: f64, shift: f64) -> Result<Tensor> {
    if !is_for(&[x]) {
        return x.affine(factor, shift);
    }
    apply1(&x.contiguous()?, Affine { factor, shift })
}

/// The sum of two gradients of one shape, without a graph.
pub(crate) fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if !is_for(&[a, b]) || a.dims() != b.dims() || !a.is_contiguous() || !b.is_contiguous() {
        return Ok((a + b)?.detach());
    }
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is written as a whole.
    let mut sum = unsafe { uninitialised(a.elem_count()) };
    {
        let (a, b) = (view(a)?, view(b)?);
        let (a, b): (&[f32], &[f32]) = (&a, &b);
        pool::for_each_part(&mut sum, TASK, |index, sum| {
            let range = index * TASK..index * TASK + sum.len();
            write_sum(&a[range.clone()], &b[range], sum);
        });
    }
    tensor(sum, a.shape())
}

struct Affine {
    factor: f64,
    shift: f64,
}

impl CustomOp1 for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous(x, layout)?;
        let (factor, shift) = (self.factor as f32, self.shift as f32);
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: each part is written as a whole.
        let mut y = unsafe { uninitialised(x.len()) };
        pool::for_each_part(&mut y, TASK, |index, y| {
            let start = index * TASK;
            write_affine(&x[start..start + y.len()], factor, shift, y);
        });
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        affine(gradient, self.factor, 0.0).map(Some)
    }
}

vectorised! {
    fn write_sum(a: &[f32], b: &[f32], sum: &mut [f32]) {
        for ((sum, a), b) in sum.iter_mut().zip(a).zip(b) {
            *sum = a + b;
        }
    }

    fn write_affine(x: &[f32], factor: f32, shift: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = factor * x + shift;
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::Rng;

    fn values(index: u64) -> Tensor {
        let mut rng = Rng::stream(1, "elementwise", index);
        rng.normal((37, 1001), DType::F32, &Device::Cpu).unwrap()
    }

    fn bits(tensor: &Tensor) -> Vec<u32> {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    }

    #[test]
    fn they_are_candles_bit_by_bit() {
        let (a, b) = (values(0), values(1));
        assert_eq!(bits(&add(&a, &b).unwrap()), bits(&(&a + &b).unwrap()));
        let turned = a.t().unwrap();
        let sum = (&turned + &turned).unwrap();
        assert_eq!(bits(&add(&turned, &turned).unwrap()), bits(&sum));
        let expected = a.affine(2.0, -1.0).unwrap();
        assert_eq!(bits(&affine(&a, 2.0, -1.0).unwrap()), bits(&expected));
    }

    #[test]
    fn an_affine_map_has_its_factor_as_gradient_and_no_second_one() {
        let x = Var::from_tensor(&values(0)).unwrap();
        let y = affine(&x, 3.0, 1.0).unwrap().sum_all().unwrap();
        let gradients = y.backward().unwrap();
        let gradient = gradients.get(&x).unwrap();
        assert!(
            bits(gradient)
                .into_iter()
                .all(|bits| bits == 3f32.to_bits())
        );
        assert!(
            gradient
                .sum_all()
                .unwrap()
                .backward()
                .unwrap()
                .get(&x)
                .is_none()
        );
    }
}
