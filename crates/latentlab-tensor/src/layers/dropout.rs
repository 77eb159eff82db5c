//! Dropout (Srivastava et al. 2014), from a stream that is handed in.

use candle_core::{DType, Tensor};

use crate::{Error, Mode, Result, Rng};

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
