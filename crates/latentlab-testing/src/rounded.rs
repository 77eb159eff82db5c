//! Arrays in `f64`, each value with a bound on how far the same value may be off in a coarser type.

use candle_core::{D, DType, Result, Shape, Tensor};

/// The unit roundoff of a type: the largest relative error of one rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// 2⁻²⁴.
    F32,
    /// 2⁻⁵³.
    F64,
}

impl Unit {
    /// The unit of the type.
    pub fn roundoff(self) -> f64 {
        match self {
            Self::F32 => f64::from(f32::EPSILON) / 2.0,
            Self::F64 => f64::EPSILON / 2.0,
        }
    }

    /// The share of its size that a number may be off after so many roundings, one upon the other.
    ///
    /// At most `γₙ = n u / (1 − n u)` (Higham 2002, lemma 3.1). Beyond 64 roundings it is `8 √n u`: of
    /// roundings whose errors have mean 0 and do not conspire, the sum exceeds that with a
    /// probability below 2 exp(−8²/2) = 3·10⁻¹⁴ (Higham and Mary 2019, theorem 2.4).
    pub fn share(self, roundings: usize) -> f64 {
        let n = roundings as f64;
        let n = n.min(8.0 * n.sqrt()) * self.roundoff();
        n / (1.0 - n)
    }

    /// How far a sum of so many independent products of two standard normal numbers, or with signs as
    /// random, may be off: eight standard deviations of its rounding error.
    ///
    /// The rounding of the `j`-th partial sum is uniform in `±u` times the sum, whose variance is `j` or
    /// less, so that the error has a variance of at most `n² u²/3`, in any order of the additions. For
    /// few terms, of which a single one may be large, it is as if there were 32 more.
    pub fn of_drawn(self, terms: usize) -> f64 {
        8.0 * self.roundoff() * (terms + 32) as f64 / 3f64.sqrt()
    }

    /// What a product may lose below the smallest normal number.
    fn smallest(self) -> f64 {
        match self {
            Self::F32 => f64::from(f32::MIN_POSITIVE),
            Self::F64 => f64::MIN_POSITIVE,
        }
    }
}

/// An array in `f64`, with a bound on the error of the same array computed in a coarser type.
///
/// What is computed from such arrays carries its bound along: the errors of its arguments, and those
/// of its own roundings as a share of the sum of the absolute terms. So a gradient that cancels is
/// held to the size of what it is the sum of, and not to its own.
#[derive(Clone, Debug)]
pub struct Rounded {
    value: Tensor,
    error: Tensor,
    unit: Unit,
}

impl Rounded {
    /// An array that the coarser type holds without an error.
    ///
    /// # Errors
    /// As candle's.
    pub fn exact(value: &Tensor, unit: Unit) -> Result<Self> {
        let value = value.to_dtype(DType::F64)?.detach();
        let error = value.zeros_like()?;
        Ok(Self { value, error, unit })
    }

    /// An array that was computed in `f64` and rounded.
    ///
    /// # Errors
    /// As candle's.
    pub fn once(value: &Tensor, unit: Unit) -> Result<Self> {
        let exact = Self::exact(value, unit)?;
        exact.off_by(&(exact.value.abs()? * unit.roundoff())?)
    }

    /// The array in `f64`.
    pub fn value(&self) -> &Tensor {
        &self.value
    }

    /// The same with a larger error.
    ///
    /// # Errors
    /// As candle's.
    pub fn off_by(&self, error: &Tensor) -> Result<Self> {
        Ok(Self {
            error: self.error.broadcast_add(error)?,
            ..self.clone()
        })
    }

    /// The array in another shape of as many values.
    ///
    /// # Errors
    /// As candle's.
    pub fn reshape(&self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = shape.into();
        Ok(Self {
            value: self.value.reshape(&shape)?,
            error: self.error.reshape(&shape)?,
            unit: self.unit,
        })
    }

    /// A bilinear `function` of this and another array, whose results are sums of up to `terms`
    /// products, whatever the order of the additions.
    ///
    /// # Errors
    /// As the function's.
    pub fn bilinear(
        &self,
        other: &Self,
        terms: usize,
        function: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        self.bilinear_by(other, terms, &function, &function)
    }

    /// [`bilinear`](Self::bilinear) computed from other products than those of its definition, of
    /// whose absolute values `magnitude` is the sum.
    ///
    /// # Errors
    /// As the functions'.
    pub fn bilinear_by(
        &self,
        other: &Self,
        terms: usize,
        function: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
        magnitude: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Self> {
        let (x, y) = (self.value.abs()?, other.value.abs()?);
        let (most_x, most_y) = ((&x + &self.error)?, (&y + &other.error)?);
        // (x + δ)(y + ε) − x y is at most δ (y + ε) + x ε.
        let carried = (function(&self.error, &most_y)? + function(&x, &other.error)?)?;
        let own = (magnitude(&most_x, &most_y)? * self.unit.share(terms))?;
        let lost = terms as f64 * self.unit.smallest();
        Ok(Self {
            value: function(&self.value, &other.value)?,
            error: ((carried + own)? + lost)?,
            unit: self.unit,
        })
    }

    /// The products of the values, with broadcasting.
    ///
    /// # Errors
    /// As candle's.
    pub fn times(&self, other: &Self) -> Result<Self> {
        self.bilinear(other, 1, Tensor::broadcast_mul)
    }

    /// The values times a number that the coarser type holds without an error.
    ///
    /// # Errors
    /// As candle's.
    pub fn scaled(&self, factor: f64) -> Result<Self> {
        let error = (&self.error * factor.abs())?;
        Self::exact(&(&self.value * factor)?, self.unit)?.off_by(&error)
    }

    /// The sums of the values, with broadcasting.
    ///
    /// # Errors
    /// As candle's.
    pub fn plus(&self, other: &Self) -> Result<Self> {
        let value = self.value.broadcast_add(&other.value)?;
        let error = self.error.broadcast_add(&other.error)?;
        let own = ((value.abs()? + &error)? * self.unit.roundoff())?;
        Self::exact(&value, self.unit)?.off_by(&(error + own)?)
    }

    /// The differences of the values, with broadcasting.
    ///
    /// # Errors
    /// As candle's.
    pub fn minus(&self, other: &Self) -> Result<Self> {
        self.plus(&other.scaled(-1.0)?)
    }

    /// The sum over the dimensions `dims`, kept with length 1, in any order.
    ///
    /// # Errors
    /// As candle's.
    pub fn sum(&self, dims: &[usize]) -> Result<Self> {
        let terms: usize = dims.iter().map(|dim| self.value.dims()[*dim]).product();
        let most = (self.value.abs()? + &self.error)?.sum_keepdim(dims)?;
        let error = (self.error.sum_keepdim(dims)? + (most * self.unit.share(terms))?)?;
        Self::exact(&self.value.sum_keepdim(dims)?, self.unit)?.off_by(&error)
    }

    /// The mean over the dimensions `dims`, kept with length 1.
    ///
    /// # Errors
    /// As candle's.
    pub fn mean(&self, dims: &[usize]) -> Result<Self> {
        let terms: usize = dims.iter().map(|dim| self.value.dims()[*dim]).product();
        // The factor, and the product with it, are rounded once each.
        let mean = self.sum(dims)?.scaled(1.0 / terms as f64)?;
        let own = (mean.value.abs()? * self.unit.share(2))?;
        mean.off_by(&own)
    }

    /// `1 / √(v + eps)` of values that are not negative.
    ///
    /// # Errors
    /// As candle's.
    pub fn inverse_root(&self, eps: f64) -> Result<Self> {
        let root = |v: &Tensor| (v + eps)?.sqrt()?.recip();
        let value = root(&self.value)?;
        // It is steepest at the lower end, which is not below 0.
        let lower = root(&(&self.value - &self.error)?.maximum(0.0)?)?;
        let own = (&lower * self.unit.share(4))?;
        let error = ((lower - &value)? + own)?;
        Self::exact(&value, self.unit)?.off_by(&error)
    }

    /// `function` of each value, which does not change faster than `slope` times its argument, and is
    /// computed up to an absolute error of `own` roundings of 1 plus the size of its argument.
    ///
    /// # Errors
    /// As the function's.
    pub fn map(
        &self,
        function: impl Fn(&Tensor) -> Result<Tensor>,
        slope: f64,
        own: usize,
    ) -> Result<Self> {
        let most = ((self.value.abs()? + &self.error)? + 1.0)?;
        let error = ((&self.error * slope)? + (most * self.unit.share(own))?)?;
        Self::exact(&function(&self.value)?.detach(), self.unit)?.off_by(&error)
    }

    /// 1 where 0 is within the bound of the value, and 0 elsewhere.
    ///
    /// # Errors
    /// As candle's.
    pub fn may_be_zero(&self) -> Result<Tensor> {
        self.value.abs()?.le(&self.error)?.to_dtype(DType::F64)
    }

    /// Checks each value of `found`, in the order of memory, against the bounds.
    ///
    /// # Panics
    /// If one of them is outside of its bound, or their number differs.
    pub fn assert_holds(&self, name: &str, found: &[f64]) {
        let flat = |tensor: &Tensor| tensor.flatten_all().and_then(|flat| flat.to_vec1::<f64>());
        let value = flat(&self.value).expect("an array in f64");
        let error = flat(&self.error).expect("an array in f64");
        assert_eq!(found.len(), value.len(), "{name}");
        // The value was itself computed in f64, with as many roundings.
        let both = 1.0 + Unit::F64.roundoff() / self.unit.roundoff();
        for (place, ((found, value), error)) in found.iter().zip(value).zip(error).enumerate() {
            assert!(
                (found - value).abs() <= both * error,
                "{name}, value {place}: {found} is not {value} up to {error}"
            );
        }
    }

    /// The largest bound, for a test of the bounds.
    ///
    /// # Errors
    /// As candle's.
    pub fn largest_error(&self) -> Result<f64> {
        self.error.flatten_all()?.max(D::Minus1)?.to_scalar()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn rounded(values: &[f64]) -> Rounded {
        let tensor = Tensor::new(values, &Device::Cpu).unwrap();
        Rounded::once(&tensor, Unit::F32).unwrap()
    }

    fn singles(values: &[f64]) -> Vec<f32> {
        values.iter().map(|value| *value as f32).collect()
    }

    const X: [f64; 4] = [1.1, -2.3, 3.7e3, 0.1];
    const Y: [f64; 4] = [0.3, 7.7, -1e-3, 1e4];

    #[test]
    fn a_product_that_cancels_is_held_to_its_terms() {
        let dot = |x: &Tensor, y: &Tensor| (x * y)?.sum_all();
        let product = rounded(&X).bilinear(&rounded(&Y), 4, dot).unwrap();
        let products = singles(&X).into_iter().zip(singles(&Y));
        let found: f32 = products.map(|(x, y)| x * y).sum();
        product.assert_holds("dot", &[f64::from(found)]);
        let terms: f64 = X.iter().zip(Y).map(|(x, y)| (x * y).abs()).sum();
        // Two roundings of the factors, and four of products and sums.
        let share = product.largest_error().unwrap() / (terms * Unit::F32.roundoff());
        assert!((6.0..6.01).contains(&share), "{share}");
    }

    #[test]
    #[should_panic(expected = "the sum, value 0: 3701.5 is not")]
    fn a_term_left_out_is_noticed() {
        rounded(&X)
            .sum(&[0])
            .unwrap()
            .assert_holds("the sum", &[3701.5]);
    }

    #[test]
    #[should_panic(expected = "NaN is not")]
    fn a_nan_is_noticed() {
        rounded(&[1.0]).assert_holds("x", &[f64::NAN]);
    }

    /// The same chain of operations in 32 bits, one after the other.
    #[test]
    fn every_operation_covers_its_rounding() {
        let (x, y) = (rounded(&X), rounded(&Y));
        let z = x.times(&y).unwrap().minus(&x.scaled(3.0).unwrap()).unwrap();
        let z = z.plus(&x.sum(&[0]).unwrap()).unwrap();
        let root = z.times(&z).unwrap().inverse_root(1e-5).unwrap();
        let result = root.map(Tensor::tanh, 1.0, 3).unwrap().mean(&[0]).unwrap();

        let (x, y) = (singles(&X), singles(&Y));
        let sum: f32 = x.iter().sum();
        let terms = x.iter().zip(y).map(|(x, y)| {
            let z = x * y - 3.0 * x + sum;
            (1.0 / (z * z + 1e-5).sqrt()).tanh()
        });
        let found = terms.sum::<f32>() / 4.0;
        result.assert_holds("the mean", &[f64::from(found)]);
        let largest = result.largest_error().unwrap();
        assert!(largest < 1e-3 * f64::from(found), "{largest} of {found}");
    }

    #[test]
    fn a_value_within_its_error_may_be_zero() {
        let difference = rounded(&[1.0, 1.0]).minus(&rounded(&[1.0, 0.5])).unwrap();
        let zero = difference.may_be_zero().unwrap().to_vec1::<f64>().unwrap();
        assert_eq!(zero, [1.0, 0.0]);
    }

    #[test]
    fn the_share_grows_as_the_number_of_roundings_and_then_as_its_root() {
        let share = |n| Unit::F32.share(n) / Unit::F32.roundoff();
        assert!((share(3) - 3.0).abs() < 1e-5);
        assert!((share(64) - 64.0).abs() < 1e-3);
        assert!((share(6400) - 640.0).abs() < 0.1);
    }
}
