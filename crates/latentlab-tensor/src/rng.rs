//! Seeded random streams: randomness as a pure function of seed, purpose and index.
//!
//! candle cannot seed its CPU generator, and a generator that is carried along ties every draw to
//! all draws before it. Here each use names its own stream, so that resuming a run needs no saved
//! generator and adding a draw somewhere changes nothing elsewhere. The bytes come from ChaCha12;
//! everything made of them (uniforms, normals, permutations) is written here once, and golden
//! values in the tests pin it, because distribution crates may change values between releases.

use candle_core::{DType, Device, Shape, Tensor};
use rand_chacha::{
    ChaCha12Rng,
    rand_core::{Rng as _, SeedableRng},
};
use sha2::{Digest, Sha256};

use crate::Result;

/// A stream of random numbers that is the same on every machine.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha12Rng);

impl Rng {
    /// The stream of `seed` for one `purpose` (say `"noise/generator"`) and `index` (say the step).
    ///
    /// The ChaCha key is `SHA-256("latentlab/1" ‖ seed ‖ index ‖ purpose)`, numbers as little-endian
    /// 64-bit, so two streams that differ in any of the three are independent.
    pub fn stream(seed: u64, purpose: &str, index: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"latentlab/1");
        hash.update(seed.to_le_bytes());
        hash.update(index.to_le_bytes());
        hash.update(purpose.as_bytes());
        Self(ChaCha12Rng::from_seed(hash.finalize().into()))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `[0, 1)` on a grid of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// An integer in `0..bound`, every value equally likely (Lemire 2019, with rejection).
    ///
    /// # Panics
    /// If `bound` is 0: there is nothing to draw from.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "cannot draw an integer below 0");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// Two independent standard normal numbers (Box and Muller 1958).
    ///
    /// Logarithm, sine and cosine come from the `libm` crate, not from the system, so that the
    /// values do not depend on the platform.
    pub fn normal_pair(&mut self) -> (f64, f64) {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        let angle = 2.0 * std::f64::consts::PI * self.unit();
        (radius * libm::cos(angle), radius * libm::sin(angle))
    }

    /// `count` standard normal numbers.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let (first, second) = self.normal_pair();
            values.extend([first, second]);
        }
        values.truncate(count);
        values
    }

    /// A tensor of `shape` with independent standard normal entries.
    ///
    /// Drawn on the CPU in 64 bits, then rounded to `dtype` and uploaded, so that devices agree.
    pub fn normal(
        &mut self,
        shape: impl Into<Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let values = self.normals(shape.elem_count());
        upload(values, shape, dtype, device)
    }

    /// A standard normal tensor with the shape, type and device of `like`.
    pub fn normal_like(&mut self, like: &Tensor) -> Result<Tensor> {
        self.normal(like.shape(), like.dtype(), like.device())
    }

    /// A tensor of `shape` with independent entries, uniform in `[low, high)`.
    pub fn uniform(
        &mut self,
        low: f64,
        high: f64,
        shape: impl Into<Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let values = (0..shape.elem_count())
            .map(|_| low + (high - low) * self.unit())
            .collect();
        upload(values, shape, dtype, device)
    }

    /// A random order of `0..count` (Fisher and Yates), every order equally likely.
    pub fn permutation(&mut self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last as u64 + 1) as usize);
        }
        order
    }
}

fn upload(values: Vec<f64>, shape: Shape, dtype: DType, device: &Device) -> Result<Tensor> {
    let tensor = match dtype {
        DType::F64 => Tensor::from_vec(values, shape, &Device::Cpu)?,
        _ => {
            let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?
        }
    };
    Ok(tensor.to_device(device)?)
}
