//! Dropout (Srivastava et al. 2014), from a stream that is handed in.

use candle_core::{DType, Tensor};

use latentlab_tensor::{Error, Mode, Result, Rng};

/// Zeroes entries independently with a given probability in training mode and divides the others
/// by what remains, so that expectations are as in evaluation: PyTorch's `nn.Dropout`.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    probability: f64,
}

impl Dropout {
    /// Dropout of each entry with `probability`, at least 0 and less than 1.
    ///
    /// # Errors
    /// If `probability` is outside of that.
    pub fn new(probability: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&probability) {
            return Err(Error::Argument(format!(
                "dropout needs a probability of at least 0 and less than 1, not {probability}"
            )));
        }
        Ok(Self { probability })
    }

    /// Drops entries of `x` in training mode, drawing one number per entry; `x` itself otherwise.
    pub fn forward(&self, x: &Tensor, mode: Mode, rng: &mut Rng) -> Result<Tensor> {
        if mode == Mode::Eval || self.probability == 0.0 {
            return Ok(x.clone());
        }
        let draws = rng.uniform(0.0, 1.0, x.shape(), DType::F64, x.device())?;
        let kept = draws.ge(self.probability)?.to_dtype(x.dtype())?; // 0 or 1
        Ok((x * (kept / (1.0 - self.probability))?)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn drop_ones(count: usize, mode: Mode) -> Vec<f32> {
        let ones = Tensor::ones(count, DType::F32, &Device::Cpu).unwrap();
        let mut rng = Rng::stream(2, "dropout", 0);
        let dropped = Dropout::new(0.25).unwrap().forward(&ones, mode, &mut rng);
        dropped.unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_given_share_is_dropped_and_the_rest_scaled_up() {
        let values = drop_ones(100_000, Mode::Train);
        let dropped = values.iter().filter(|x| **x == 0.0).count();
        // Five standard errors of a binomial: 5·√(100000·0.25·0.75).
        assert!((dropped as f64 - 25_000.0).abs() < 685.0, "{dropped}");
        let kept = values.iter().filter(|x| **x == 1.0 / 0.75).count();
        assert_eq!(kept + dropped, values.len());
    }

    #[test]
    fn evaluation_drops_nothing() {
        assert_eq!(drop_ones(100, Mode::Eval), [1.0; 100]);
    }

    #[test]
    fn the_same_stream_drops_the_same_entries() {
        assert_eq!(drop_ones(100, Mode::Train), drop_ones(100, Mode::Train));
    }

    #[test]
    fn a_probability_outside_of_its_range_is_refused() {
        Dropout::new(0.0).unwrap();
        for probability in [-0.1, 1.0, f64::NAN] {
            let error = Dropout::new(probability).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "dropout needs a probability of at least 0 and less than 1, not {probability}"
                )
            );
        }
    }
}
