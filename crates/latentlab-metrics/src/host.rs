//! Tensors on the host, in the shape that was promised.

use candle_core::{DType, Device, Tensor};
use latentlab_core::{Error, Result};

/// The tensor on the host and then in 64 bits, which not every device has. Differences, squares and
/// sums are taken afterwards.
pub(crate) fn host(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?)
}

/// The rows of a matrix, on the host in 64 bits.
pub(crate) fn host_rows(matrix: &Tensor) -> Result<Vec<Vec<f64>>> {
    Ok(host(matrix)?.to_vec2()?)
}

/// The number of columns of a matrix; 1, if the tensor is none.
pub(crate) fn columns(tensor: &Tensor) -> usize {
    tensor.dims().get(1).copied().unwrap_or(1)
}

/// That `what` has the shape that was promised.
pub(crate) fn check_shape(what: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    let found = tensor.dims();
    if found != expected {
        let problem = format!("the {what} have the shape {found:?}, not {expected:?}");
        return Err(Error::Data(problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_type_come_in_64_bits() {
        let numbers = Tensor::new(&[[1f32, 2.5], [-3.0, 0.0]], &Device::Cpu).unwrap();
        for dtype in [DType::F16, DType::BF16, DType::F32, DType::F64] {
            let rows = host_rows(&numbers.to_dtype(dtype).unwrap()).unwrap();
            assert_eq!(rows, [[1.0, 2.5], [-3.0, 0.0]]);
        }
    }

    #[test]
    fn another_shape_is_told_with_the_one_expected() {
        let scalar = Tensor::new(0f32, &Device::Cpu).unwrap();
        let message = check_shape("logits", &scalar, &[2, 10]).unwrap_err();
        assert_eq!(
            message.to_string(),
            "the logits have the shape [], not [2, 10]"
        );
    }
}
