//! Losses per image in one pass over memory, forward and backward, for `f32` on the CPU.
//!
//! Each is a sum over the entries of an image of a function of a prediction `x` and a target `t`.
//! The gradient by the prediction is a kernel if it is the last one, see
//! [`latentlab_tensor::is_final_backward`]; otherwise it is composed of operations that can be
//! differentiated again.

use candle_core::{CpuStorage, CustomOp2, Layout, Module, Result, Shape, Tensor, bail};
use latentlab_kernels::{math, pool, uninitialised, vectorised};
use latentlab_tensor::{
    apply2,
    cpu::{self, contiguous, tensor, view},
    is_final_backward,
    ops::Activation,
};

/// The function of prediction and target that is summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Term {
    /// `softplus(x) − t x`.
    Bernoulli,
    /// `t softplus(−x) + (1 − t) softplus(x)`: the same with all digits where `x` is sure.
    CrossEntropy,
    /// `(x − t)²`.
    Squared,
    /// `(σ(x) − t)²`.
    SquaredSigmoid,
    /// `½ (x² + eᵗ − t − 1)`: `x` the mean and `t` the log variance of a normal distribution.
    Divergence,
}

/// Whether kernels can compute on these tensors: `f32` on the CPU, of one shape with a batch.
pub(crate) fn is_for(x: &Tensor, t: &Tensor) -> bool {
    cpu::is_for(&[x, t]) && x.dims() == t.dims() && x.rank() > 0 && x.elem_count() > 0
}

/// The sum of the term over each image: `x` and `t` `[N, …]` to `[N]`.
pub(crate) fn sum_per_image(x: &Tensor, t: &Tensor, term: Term) -> Result<Tensor> {
    apply2(&x.contiguous()?, &t.contiguous()?, Sum(term))
}

struct Sum(Term);

impl CustomOp2 for Sum {
    fn name(&self) -> &'static str {
        "sum per image"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        t: &CpuStorage,
        t_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, t) = (contiguous(x, x_layout)?, contiguous(t, t_layout)?);
        if x.len() != t.len() {
            bail!("{} predictions for {} targets", x.len(), t.len());
        }
        let count = x_layout.dims()[0];
        let entries = x.len() / count;
        #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
        // SAFETY: each part is written as a whole.
        let mut sums = unsafe { uninitialised(count) };
        pool::for_each_part(&mut sums, images_per_task(entries), |task, part| {
            for (index, sum) in part.iter_mut().enumerate() {
                let image = task * images_per_task(entries) + index;
                let range = image * entries..(image + 1) * entries;
                *sum = sum_terms(self.0, &x[range.clone()], &t[range]) as f32;
            }
        });
        Ok((CpuStorage::F32(sums), count.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        t: &Tensor,
        _: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let by = |wanted: bool, side: Side| match (wanted, is_final_backward()) {
            (false, _) => Ok(None),
            (true, true) => slopes(self.0, side, x, t, gradient).map(Some),
            (true, false) => {
                let each = vec![1; x.rank() - 1];
                let each = [&[x.dim(0)?][..], &each].concat();
                let slope = compose_slope(self.0, side, x, t)?;
                slope.broadcast_mul(&gradient.reshape(each)?).map(Some)
            }
        };
        Ok((
            by(x.track_op(), Side::Prediction)?,
            by(t.track_op(), Side::Target)?,
        ))
    }
}

/// What a slope is by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Prediction,
    Target,
}

/// The slope of the term, in operations that can be differentiated.
fn compose_slope(term: Term, side: Side, x: &Tensor, t: &Tensor) -> Result<Tensor> {
    let sigmoid = |x| Activation::Sigmoid.forward(x);
    match (term, side) {
        (Term::Bernoulli, Side::Prediction) => sigmoid(x)? - t,
        (Term::CrossEntropy, Side::Prediction) => {
            let (yes, no) = (sigmoid(x)?, sigmoid(&x.neg()?)?);
            (yes * t.affine(-1.0, 1.0)?)? - (no * t)?
        }
        (Term::Bernoulli | Term::CrossEntropy, Side::Target) => x.neg(),
        (Term::Squared, Side::Prediction) => (x - t)? * 2.0,
        (Term::Squared, Side::Target) => (t - x)? * 2.0,
        (Term::SquaredSigmoid, Side::Prediction) => {
            let p = sigmoid(x)?;
            let slope = (&p * p.affine(-1.0, 1.0)?)?;
            ((p - t)? * slope)? * 2.0
        }
        (Term::SquaredSigmoid, Side::Target) => (t - sigmoid(x)?)?.affine(2.0, 0.0),
        (Term::Divergence, Side::Prediction) => Ok(x.clone()),
        (Term::Divergence, Side::Target) => (t.exp()? - 1.0)? * 0.5,
    }
}

/// The slopes of all terms times the gradient of their sum.
fn slopes(term: Term, side: Side, x: &Tensor, t: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let gradient = gradient.contiguous()?;
    #[allow(unsafe_code, reason = "zeroing memory costs a pass over it")]
    // SAFETY: each part is written as a whole.
    let mut result = unsafe { uninitialised(x.elem_count()) };
    {
        let (x, t, gradient) = (view(x)?, view(t)?, view(&gradient)?);
        let (x, t, gradient): (&[f32], &[f32], &[f32]) = (&x, &t, &gradient);
        let entries = x.len() / gradient.len();
        let images = images_per_task(entries);
        pool::for_each_part(&mut result, images * entries, |task, part| {
            for (index, part) in part.chunks_exact_mut(entries).enumerate() {
                let image = task * images + index;
                let range = image * entries..(image + 1) * entries;
                write_slopes(
                    term,
                    side,
                    [&x[range.clone()], &t[range]],
                    gradient[image],
                    part,
                );
            }
        });
    }
    tensor(result, x.shape())
}

/// Images that one task handles, so that it has some ten thousand entries.
fn images_per_task(entries: usize) -> usize {
    (16 * 1024 / entries.max(1)).max(1)
}

/// Sums that run side by side, so that they fit a vector register.
const LANES: usize = 16;
/// Entries whose sum is taken in `f32`.
const BLOCK: usize = 64 * LANES;

/// The sum of `term(x, t)`, of blocks in lanes of `f32` and over the blocks in `f64`.
#[inline(always)]
fn sum_of(x: &[f32], t: &[f32], term: impl Fn(f32, f32) -> f32) -> f64 {
    let mut total = 0.0;
    for (x, t) in x.chunks(BLOCK).zip(t.chunks(BLOCK)) {
        let mut lanes = [0f32; LANES];
        let (x_lanes, x_rest) = x.as_chunks::<LANES>();
        let (t_lanes, t_rest) = t.as_chunks::<LANES>();
        for (x, t) in x_lanes.iter().zip(t_lanes) {
            for lane in 0..LANES {
                lanes[lane] += term(x[lane], t[lane]);
            }
        }
        for ((lane, x), t) in lanes.iter_mut().zip(x_rest).zip(t_rest) {
            *lane += term(*x, *t);
        }
        total += lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
    }
    total
}

#[inline(always)]
fn write(result: &mut [f32], [x, t]: [&[f32]; 2], slope: impl Fn(f32, f32) -> f32) {
    for ((result, x), t) in result.iter_mut().zip(x).zip(t) {
        *result = slope(*x, *t);
    }
}

vectorised! {
    fn sum_terms(term: Term, x: &[f32], t: &[f32]) -> f64 {
        match term {
            Term::Bernoulli => sum_of(x, t, |x, t| math::softplus(x) - t * x),
            Term::CrossEntropy => sum_of(x, t, |x, t| {
                t * math::softplus(-x) + (1.0 - t) * math::softplus(x)
            }),
            Term::Squared => sum_of(x, t, |x, t| (x - t) * (x - t)),
            Term::SquaredSigmoid => sum_of(x, t, |x, t| {
                let error = math::sigmoid(x) - t;
                error * error
            }),
            Term::Divergence => sum_of(x, t, |x, t| 0.5 * (x * x + math::exp_m1(t) - t)),
        }
    }

    fn write_slopes(term: Term, side: Side, at: [&[f32]; 2], factor: f32, result: &mut [f32]) {
        match (term, side) {
            (Term::Bernoulli, Side::Prediction) => {
                write(result, at, |x, t| factor * (math::sigmoid(x) - t));
            }
            (Term::CrossEntropy, Side::Prediction) => write(result, at, |x, t| {
                factor * ((1.0 - t) * math::sigmoid(x) - t * math::sigmoid(-x))
            }),
            (Term::Bernoulli | Term::CrossEntropy, Side::Target) => {
                write(result, at, |x, _| -factor * x);
            }
            (Term::Squared, Side::Prediction) => write(result, at, |x, t| 2.0 * factor * (x - t)),
            (Term::Squared, Side::Target) => write(result, at, |x, t| 2.0 * factor * (t - x)),
            (Term::SquaredSigmoid, Side::Prediction) => write(result, at, |x, t| {
                let p = math::sigmoid(x);
                2.0 * factor * (p - t) * (p * math::sigmoid(-x))
            }),
            (Term::SquaredSigmoid, Side::Target) => {
                write(result, at, |x, t| 2.0 * factor * (t - math::sigmoid(x)));
            }
            (Term::Divergence, Side::Prediction) => write(result, at, |x, _| factor * x),
            (Term::Divergence, Side::Target) => {
                write(result, at, |_, t| 0.5 * factor * math::exp_m1(t));
            }
        }
    }
}
