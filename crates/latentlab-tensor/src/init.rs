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
