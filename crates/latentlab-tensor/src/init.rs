//! Initial values of parameters: constants, Kaiming, Xavier, orthogonal, DCGAN's normal.

use candle_core::{DType, Device, Shape, Tensor};

use crate::{Result, Rng};

/// How a parameter starts.
///
/// "Fan in" and "fan out" are PyTorch's: for a weight `[a, b, k…]` they are `b·Πk` and `a·Πk`, also
/// for a transposed convolution, whose weight is `[in, out, kh, kw]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Init {
    /// Every entry equal.
    Constant(f64),
    /// Independent normal entries. DCGAN (Radford et al. 2016) uses mean 0 and deviation 0.02 for
    /// weights, mean 1 and deviation 0.02 for the scale of batch norms.
    Normal {
        /// Mean of an entry.
        mean: f64,
        /// Standard deviation of an entry.
        std: f64,
    },
    /// Independent entries, uniform in `[-bound, bound)`.
    Uniform {
        /// Largest absolute value.
        bound: f64,
    },
    /// Uniform in ±1/√fan_in: the default of PyTorch's linear and convolution layers.
    FanInUniform,
    /// Normal with deviation √(2 / fan_in), for ReLU networks (He et al. 2015, eq. 10).
    KaimingNormal,
    /// Uniform in ±√(6 / fan_in), for ReLU networks (He et al. 2015).
    KaimingUniform,
    /// Normal with deviation √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    XavierNormal,
    /// Uniform in ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010, eq. 16).
    XavierUniform,
    /// Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2014).
    Orthogonal {
        /// Factor on the orthonormal matrix.
        gain: f64,
    },
}

impl Init {
    /// Zeros.
    pub const ZEROS: Self = Self::Constant(0.0);
    /// Ones.
    pub const ONES: Self = Self::Constant(1.0);
    /// The weights of DCGAN (Radford et al. 2016, section 3): normal with deviation 0.02.
    pub const DCGAN: Self = Self::Normal {
        mean: 0.0,
        std: 0.02,
    };

    /// A tensor of `shape` with these initial values, drawn from `rng`.
    ///
    /// # Errors
    /// If the scheme needs a fan and `shape` has fewer than two dimensions.
    pub fn draw(
        self,
        shape: impl Into<Shape>,
        dtype: DType,
        device: &Device,
        rng: &mut Rng,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let normal = |mean: f64, std: f64, rng: &mut Rng| -> Result<Tensor> {
            Ok(rng.normal(&shape, dtype, device)?.affine(std, mean)?)
        };
        match self {
            Self::Constant(value) => Ok(Tensor::full(value, shape, device)?.to_dtype(dtype)?),
            Self::Normal { mean, std } => normal(mean, std, rng),
            Self::Uniform { bound } => rng.uniform(-bound, bound, shape, dtype, device),
            Self::FanInUniform => {
                let bound = 1.0 / fans(&shape)?.0.sqrt();
                rng.uniform(-bound, bound, shape, dtype, device)
            }
            Self::KaimingNormal => normal(0.0, (2.0 / fans(&shape)?.0).sqrt(), rng),
            Self::KaimingUniform => {
                let bound = (6.0 / fans(&shape)?.0).sqrt();
                rng.uniform(-bound, bound, shape, dtype, device)
            }
            Self::XavierNormal => {
                let (fan_in, fan_out) = fans(&shape)?;
                normal(0.0, (2.0 / (fan_in + fan_out)).sqrt(), rng)
            }
            Self::XavierUniform => {
                let (fan_in, fan_out) = fans(&shape)?;
                let bound = (6.0 / (fan_in + fan_out)).sqrt();
                rng.uniform(-bound, bound, shape, dtype, device)
            }
            Self::Orthogonal { gain } => orthogonal(&shape, gain, dtype, device, rng),
        }
    }
}

/// Fan in and fan out of a weight, as PyTorch counts them.
fn fans(shape: &Shape) -> Result<(f64, f64)> {
    let dims = shape.dims();
    if dims.len() < 2 {
        return Err(crate::Error::Argument(format!(
            "an initialiser that scales with the fan needs at least two dimensions, not {dims:?}"
        )));
    }
    let window: usize = dims[2..].iter().product();
    Ok(((dims[1] * window) as f64, (dims[0] * window) as f64))
}

/// Gram–Schmidt, twice, on the rows of a normal matrix that has no more rows than columns.
fn orthogonal(
    shape: &Shape,
    gain: f64,
    dtype: DType,
    device: &Device,
    rng: &mut Rng,
) -> Result<Tensor> {
    fans(shape)?;
    let rows = shape.dims()[0];
    let columns = shape.elem_count() / rows.max(1);
    let (short, long) = (rows.min(columns), rows.max(columns));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(short);
    while basis.len() < short {
        let mut row = rng.normals(long);
        for _ in 0..2 {
            for other in &basis {
                let overlap: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                row.iter_mut()
                    .zip(other)
                    .for_each(|(a, b)| *a -= overlap * b);
            }
        }
        let norm = row.iter().map(|a| a * a).sum::<f64>().sqrt();
        row.iter_mut().for_each(|a| *a /= norm);
        basis.push(row);
    }
    let flat: Vec<f64> = basis.into_iter().flatten().map(|a| a * gain).collect();
    let matrix = Tensor::from_vec(flat, (short, long), &Device::Cpu)?;
    let matrix = if rows > columns { matrix.t()? } else { matrix }; // [rows, columns]
    Ok(matrix
        .contiguous()?
        .reshape(shape)?
        .to_dtype(dtype)?
        .to_device(device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(init: Init, shape: &[usize]) -> Vec<f64> {
        let mut rng = Rng::stream(3, "init/test", 0);
        let tensor = init.draw(shape, DType::F64, &Device::Cpu, &mut rng);
        tensor.unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// The variance of 64·32·3·3 = 18,432 entries of a weight `[64, 32, 3, 3]`, fan in 288 and fan
    /// out 576.
    fn variance(init: Init) -> f64 {
        let values = draw(init, &[64, 32, 3, 3]);
        values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn each_scheme_has_the_variance_of_its_paper() {
        for (init, expected) in [
            (Init::DCGAN, 0.0004),
            (Init::Uniform { bound: 0.3 }, 0.03),
            (Init::FanInUniform, 1.0 / 288.0 / 3.0),
            (Init::KaimingNormal, 2.0 / 288.0),
            (Init::KaimingUniform, 2.0 / 288.0),
            (Init::XavierNormal, 2.0 / (288.0 + 576.0)),
            (Init::XavierUniform, 2.0 / (288.0 + 576.0)),
        ] {
            let variance = variance(init);
            // Five standard errors of a normal's variance: 5·√(2 / 18432).
            assert!((variance / expected - 1.0).abs() < 0.052, "{init:?}");
        }
    }

    #[test]
    fn a_uniform_scheme_stays_within_its_bound() {
        let bound = 1.0 / 288f64.sqrt();
        let values = draw(Init::FanInUniform, &[64, 32, 3, 3]);
        let largest = values.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
        assert!(largest <= bound && largest > 0.99 * bound);
    }

    #[test]
    fn constants_are_constant_and_normals_have_their_mean() {
        assert_eq!(draw(Init::ONES, &[3]), [1.0; 3]);
        assert_eq!(draw(Init::ZEROS, &[3]), [0.0; 3]);
        let scale = Init::Normal {
            mean: 1.0,
            std: 0.02,
        };
        let mean = draw(scale, &[10_000]).iter().sum::<f64>() / 10_000.0;
        assert!((mean - 1.0).abs() < 5.0 * 0.0002);
    }

    #[test]
    fn the_shorter_side_of_an_orthogonal_matrix_is_orthonormal_times_the_gain() {
        for shape in [&[3, 5][..], &[5, 3], &[4, 4], &[2, 3, 2, 2], &[1, 7]] {
            let values = draw(Init::Orthogonal { gain: 1.5 }, shape);
            let rows = shape[0];
            let matrix = Tensor::from_vec(values, (rows, ()), &Device::Cpu).unwrap();
            let columns = matrix.dim(1).unwrap();
            let wide = if rows > columns {
                matrix.t().unwrap()
            } else {
                matrix
            };
            let gram = wide.matmul(&wide.t().unwrap()).unwrap();
            for (i, row) in gram.to_vec2::<f64>().unwrap().iter().enumerate() {
                for (j, entry) in row.iter().enumerate() {
                    let expected = if i == j { 2.25 } else { 0.0 };
                    assert!((entry - expected).abs() < 1e-12, "{shape:?} {i} {j}");
                }
            }
        }
    }

    #[test]
    fn a_scheme_that_needs_a_fan_refuses_a_vector() {
        let mut rng = Rng::stream(3, "init/test", 0);
        for init in [Init::KaimingNormal, Init::Orthogonal { gain: 1.0 }] {
            let error = init
                .draw(4, DType::F32, &Device::Cpu, &mut rng)
                .unwrap_err();
            assert_eq!(
                error.to_string(),
                "an initialiser that scales with the fan needs at least two dimensions, not [4]"
            );
        }
    }
}
