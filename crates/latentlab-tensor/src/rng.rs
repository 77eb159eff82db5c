//! Seeded random streams: randomness as a pure function of seed, purpose and index.
//!
//! candle cannot seed its CPU generator, and a generator that is carried along ties every draw to
//! all draws before it. Here each use names its own stream, so that resuming a run needs no saved
//! generator and adding a draw somewhere changes nothing elsewhere. The bytes come from ChaCha12;
//! everything made of them (uniforms, normals, permutations) is written here once, and golden
//! values in the tests pin it, because distribution crates may change values between releases.

mod normal;

use candle_core::{DType, Device, Shape, Tensor, WithDType};
use latentlab_kernels::pool;
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
        normal::unit(self.bits())
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
    /// Logarithm, sine and cosine are written out in plain arithmetic, so that the values do not
    /// depend on the platform.
    pub fn normal_pair(&mut self) -> (f64, f64) {
        let [first, second] = normal::pair(self.bits(), self.bits());
        (first, second)
    }

    /// `count` standard normal numbers: the [pairs](Self::normal_pair), one after the other.
    pub fn normals(&mut self, count: usize) -> Vec<f64> {
        self.draw(count, 2, |value| value, normal::pairs)
    }

    /// `count` numbers, `together` of which are made of as many times 64 bits: `change` makes the
    /// bits of numbers out of random bits, and `convert` what is wanted out of the numbers. On all
    /// threads.
    fn draw<T: Copy + Default + Send>(
        &mut self,
        count: usize,
        together: usize,
        convert: impl Fn(f64) -> T + Sync,
        change: impl Fn(&mut [u64]) + Sync,
    ) -> Vec<T> {
        /// Numbers that are worth a task of their own.
        const BLOCK: usize = 4096;
        /// The words of 32 bits that a number takes.
        const WORDS: u128 = 2;
        let start = self.0.get_word_pos();
        let mut values = vec![T::default(); count];
        pool::for_each_part(&mut values, BLOCK, |index, values| {
            let mut own = self.0.clone();
            own.set_word_pos(start + WORDS * (index * BLOCK) as u128);
            let mut bits = vec![0; values.len().next_multiple_of(together)];
            bits.iter_mut().for_each(|bits| *bits = own.next_u64());
            change(&mut bits);
            for (value, bits) in values.iter_mut().zip(bits) {
                *value = convert(f64::from_bits(bits));
            }
        });
        self.0
            .set_word_pos(start + WORDS * count.next_multiple_of(together) as u128);
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
        let count = shape.elem_count();
        match dtype {
            DType::F32 => {
                let values = self.draw(count, 2, |value| value as f32, normal::pairs);
                upload(values, shape, dtype, device)
            }
            _ => upload(self.normals(count), shape, dtype, device),
        }
    }

    /// A standard normal tensor with the shape, type and device of `like`.
    pub fn normal_like(&mut self, like: &Tensor) -> Result<Tensor> {
        self.normal(like.shape(), like.dtype(), like.device())
    }

    /// A tensor of `shape` with independent entries, uniform in `[low, high)`; rounding to a `dtype`
    /// of fewer than 64 bits may give `high` itself.
    pub fn uniform(
        &mut self,
        low: f64,
        high: f64,
        shape: impl Into<Shape>,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let shape = shape.into();
        let count = shape.elem_count();
        let units = |bits: &mut [u64]| {
            for bits in bits {
                *bits = normal::unit(*bits).to_bits();
            }
        };
        let value = |unit| low + (high - low) * unit;
        match dtype {
            DType::F32 => {
                let values = self.draw(count, 1, |unit| value(unit) as f32, units);
                upload(values, shape, dtype, device)
            }
            _ => upload(self.draw(count, 1, value, units), shape, dtype, device),
        }
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

fn upload<T: WithDType>(
    values: Vec<T>,
    shape: Shape,
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let tensor = Tensor::from_vec(values, shape, &Device::Cpu)?;
    Ok(tensor.to_dtype(dtype)?.to_device(device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden() -> Rng {
        Rng::stream(7, "golden", 3)
    }

    // The golden values were computed outside of Rust: SHA-256 of Python's hashlib, the ChaCha
    // block function of RFC 8439 with 12 rounds, a 64-bit block counter from 0 and a nonce of
    // zeros, then the formulas in the documentation above with Python's `math`.
    #[test]
    fn the_bits_of_a_stream_are_those_of_its_definition() {
        let mut rng = golden();
        let expected = [
            0x6d28_8f10_5822_c820,
            0x981b_4c32_293c_f073,
            0x0ad4_47a0_ce56_356b,
            0x0168_e79f_9b02_6480,
            0x8499_2361_6f58_b3b8,
            0x3396_d8e4_b515_ce02,
            0x368d_6766_fb55_b61f,
            0x5155_3c06_bac6_d1bc,
            0x4c07_847f_f0e1_7aa5, // the second block
            0x6f16_0c2a_b196_1ace,
        ];
        assert_eq!(expected.map(|_| rng.bits()), expected);
    }

    #[test]
    fn the_uniforms_of_a_stream_are_those_of_its_definition() {
        let mut rng = golden();
        let expected = [
            0.426_400_128_832_152_3,
            0.594_166_528_936_728_4,
            0.042_301_632_651_594_145,
            0.005_506_969_896_495_573,
        ];
        assert_eq!(expected.map(|_| rng.unit()), expected);
    }

    #[test]
    fn the_normals_of_a_stream_are_those_of_its_definition() {
        let expected = [
            0xbfec_00fd_c7cf_ead5,
            0xbfe2_d15a_6e5c_5aff,
            0x3fd2_ce42_1ae8_ccd5,
            0x3f84_d4ad_5f22_2b08u64,
        ];
        // The last digit is this crate's own: pinned, and next to that of the definition.
        let own = [
            0xbfec_00fd_c7cf_ead4,
            0xbfe2_d15a_6e5c_5b00,
            0x3fd2_ce42_1ae8_ccd5,
            0x3f84_d4ad_5f22_2b08u64,
        ];
        let normals: Vec<u64> = golden().normals(4).iter().map(|x| x.to_bits()).collect();
        assert_eq!(normals, own);
        assert!(
            own.iter()
                .zip(expected)
                .all(|(own, expected)| own.abs_diff(expected) <= 1)
        );
    }

    #[test]
    fn many_draws_are_single_draws_one_after_the_other() {
        for count in [1usize, 2, 4095, 4096, 10_001] {
            let (mut many, mut single) = (golden(), golden());
            let pairs = (0..count.div_ceil(2)).map(|_| single.normal_pair());
            let mut expected: Vec<f64> = pairs.flat_map(|(a, b)| [a, b]).collect();
            expected.truncate(count);
            assert_eq!(many.normals(count), expected);
            let uniform = many.uniform(0.0, 1.0, count, DType::F64, &Device::Cpu);
            let expected: Vec<f64> = (0..count).map(|_| single.unit()).collect();
            assert_eq!(uniform.unwrap().to_vec1::<f64>().unwrap(), expected);
            assert_eq!(many.bits(), single.bits());
        }
    }

    #[test]
    fn the_permutation_of_a_stream_is_that_of_its_definition() {
        assert_eq!(golden().permutation(8), [1, 7, 6, 2, 5, 0, 4, 3]);
    }

    #[test]
    fn streams_that_differ_in_seed_purpose_or_index_differ() {
        let first = |seed, purpose, index| Rng::stream(seed, purpose, index).bits();
        let mut bits = vec![
            first(1, "a", 1),
            first(2, "a", 1),
            first(1, "b", 1),
            first(1, "", 1),
            first(1, "a", 2),
            first(1, "a", 1 << 32),
        ];
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), 6);
        assert_eq!(first(1, "a", 1), first(1, "a", 1));
    }

    /// Largest distance between the empirical distribution of `draws` and `cdf`, times √n.
    fn kolmogorov(mut draws: Vec<f64>, cdf: impl Fn(f64) -> f64) -> f64 {
        draws.sort_by(f64::total_cmp);
        let count = draws.len() as f64;
        let distances = draws.iter().enumerate().map(|(rank, &x)| {
            let (below, above) = (rank as f64 / count, (rank + 1) as f64 / count);
            (cdf(x) - below).max(above - cdf(x))
        });
        distances.fold(0.0, f64::max) * count.sqrt()
    }

    const COUNT: usize = 100_000;

    // 1.63 is the Kolmogorov distribution's 99 % quantile; the streams are fixed, so the tests are
    // as well. Moments are held to five standard errors.
    #[test]
    fn uniforms_are_distributed_uniformly() {
        let mut rng = Rng::stream(1, "uniform", 0);
        let draws: Vec<f64> = (0..COUNT).map(|_| rng.unit()).collect();
        assert!(draws.iter().all(|x| (0.0..1.0).contains(x)));
        assert!(kolmogorov(draws, |x| x) < 1.63);
    }

    #[test]
    fn normals_are_distributed_normally() {
        let draws = Rng::stream(1, "normal", 0).normals(COUNT);
        let count = COUNT as f64;
        let moment = |power| draws.iter().map(|x| x.powi(power)).sum::<f64>() / count;
        let standard_error = |variance: f64| 5.0 * (variance / count).sqrt();
        assert!(moment(1).abs() < standard_error(1.0));
        assert!((moment(2) - 1.0).abs() < standard_error(2.0));
        assert!((moment(4) - 3.0).abs() < standard_error(96.0));
        let neighbours = draws.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / count;
        assert!(neighbours.abs() < standard_error(1.0));
        let normal_cdf = |x: f64| 0.5 * libm::erfc(-x / 2f64.sqrt());
        assert!(kolmogorov(draws, normal_cdf) < 1.63);
    }

    #[test]
    fn integers_below_a_bound_are_equally_likely() {
        let mut rng = Rng::stream(1, "below", 0);
        let mut counts = [0.0; 6];
        for _ in 0..60_000 {
            counts[rng.below(6) as usize] += 1.0;
        }
        // 15.09 is the 99 % quantile of χ² with five degrees of freedom.
        let chi: f64 = counts.map(|n: f64| (n - 1e4).powi(2) / 1e4).iter().sum();
        assert!(chi < 15.09, "{counts:?}");
    }

    #[test]
    fn every_order_of_three_is_equally_likely() {
        let mut rng = Rng::stream(1, "permutation", 0);
        let mut counts = std::collections::BTreeMap::<Vec<u32>, f64>::new();
        for _ in 0..60_000 {
            *counts.entry(rng.permutation(3)).or_default() += 1.0;
        }
        assert_eq!(counts.len(), 6);
        let chi: f64 = counts.values().map(|n| (n - 1e4).powi(2) / 1e4).sum();
        assert!(chi < 15.09, "{counts:?}");
    }

    #[test]
    fn a_tensor_of_32_bits_is_the_one_of_64_bits_rounded() {
        let wide = golden().normal((3, 5), DType::F64, &Device::Cpu).unwrap();
        let narrow = golden().normal((3, 5), DType::F32, &Device::Cpu).unwrap();
        let rounded = wide.to_dtype(DType::F32).unwrap();
        assert_eq!(
            narrow.to_vec2::<f32>().unwrap(),
            rounded.to_vec2::<f32>().unwrap()
        );
    }

    #[test]
    fn a_uniform_tensor_stays_within_its_bounds() {
        let draws = golden()
            .uniform(-2.0, 3.0, 10_000, DType::F64, &Device::Cpu)
            .unwrap()
            .to_vec1::<f64>()
            .unwrap();
        assert!(draws.iter().all(|x| (-2.0..3.0).contains(x)));
        // Mean ½ with standard error 5/√12/√10000.
        let mean = draws.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 5.0 * 0.0145);
    }
}
