//! The product of two matrices that differentiates only by what is being trained.
//!
//! candle's own product always computes both gradients, also the one into the data and the one into
//! the weights of a network that does not move in this phase: up to a third of the work of a step.
//! The gradients here are products again, so they are right to any order.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, Error, Layout, MetalStorage, Result, Shape, Tensor,
    backend::BackendStorage,
};

/// `lhs · rhs`, `[M, K]` and `[K, N]` to `[M, N]`; either may be transposed or otherwise strided.
pub fn matmul(lhs: &Tensor, rhs: &Tensor) -> Result<Tensor> {
    lhs.apply_op2(rhs, Matmul)
}

struct Matmul;

impl CustomOp2 for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn cpu_fwd(
        &self,
        lhs: &CpuStorage,
        lhs_layout: &Layout,
        rhs: &CpuStorage,
        rhs_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        forward(lhs, lhs_layout, rhs, rhs_layout)
    }

    fn cuda_fwd(
        &self,
        lhs: &CudaStorage,
        lhs_layout: &Layout,
        rhs: &CudaStorage,
        rhs_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        forward(lhs, lhs_layout, rhs, rhs_layout)
    }

    fn metal_fwd(
        &self,
        lhs: &MetalStorage,
        lhs_layout: &Layout,
        rhs: &MetalStorage,
        rhs_layout: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        forward(lhs, lhs_layout, rhs, rhs_layout)
    }

    fn bwd(
        &self,
        lhs: &Tensor,
        rhs: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let by_lhs = || matmul(gradient, &rhs.t()?);
        let by_rhs = || matmul(&lhs.t()?, gradient);
        Ok((
            lhs.track_op().then(by_lhs).transpose()?,
            rhs.track_op().then(by_rhs).transpose()?,
        ))
    }
}

fn forward<S: BackendStorage>(
    lhs: &S,
    lhs_layout: &Layout,
    rhs: &S,
    rhs_layout: &Layout,
) -> Result<(S, Shape)> {
    let (rows, inner) = lhs_layout.shape().dims2()?;
    let (other, columns) = rhs_layout.shape().dims2()?;
    if inner != other {
        return Err(Error::Msg(format!(
            "cannot multiply [{rows}, {inner}] by [{other}, {columns}]: {inner} is not {other}"
        )));
    }
    let storage = lhs.matmul(rhs, (1, rows, columns, inner), lhs_layout, rhs_layout)?;
    Ok((storage, (rows, columns).into()))
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;
    use crate::{
        Rng,
        gradcheck::{check_gradient, check_second_order},
    };

    fn matrix(shape: (usize, usize), index: u64) -> Tensor {
        let mut rng = Rng::stream(1, "matmul", index);
        rng.normal(shape, DType::F64, &Device::Cpu).unwrap()
    }

    #[test]
    fn it_is_the_product_of_candle_also_of_transposed_matrices() {
        let (a, b) = (matrix((3, 5), 0), matrix((4, 5), 1));
        let ours = matmul(&a, &b.t().unwrap()).unwrap();
        let theirs = a.matmul(&b.t().unwrap()).unwrap();
        assert_eq!(
            ours.to_vec2::<f64>().unwrap(),
            theirs.to_vec2::<f64>().unwrap()
        );
    }

    #[test]
    fn its_gradients_are_right_to_second_order() {
        let inputs = [matrix((3, 2), 2), matrix((2, 4), 3)];
        let loss = |x: &[Tensor]| Ok(matmul(&x[0], &x[1])?.tanh()?.sqr()?.sum_all()?);
        assert!(check_gradient(&inputs, loss).unwrap() < 1e-8);
        assert!(check_second_order(&inputs, loss).unwrap() < 1e-7);
    }

    #[test]
    fn what_is_not_tracked_gets_no_gradient() {
        let weight = Var::from_tensor(&matrix((2, 4), 4)).unwrap();
        let frozen = weight.as_detached_tensor();
        let input = Var::from_tensor(&matrix((3, 2), 5)).unwrap();
        let loss = matmul(&input, &frozen).unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        assert!(gradients.get(&input).is_some());
        assert!(gradients.get(&frozen).is_none());
    }

    #[test]
    fn matrices_that_do_not_fit_are_an_error_with_their_shapes() {
        let error = matmul(&matrix((3, 2), 6), &matrix((3, 2), 7)).unwrap_err();
        assert!(error.to_string().contains("[3, 2] by [3, 2]"), "{error}");
    }
}
