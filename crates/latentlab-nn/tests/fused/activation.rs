//! An activation of rounded values, with its slope and its curvature.

use candle_core::{Module, Result, Tensor, Var};
use latentlab_tensor::ops::Activation;
use latentlab_testing::Rounded;

/// The largest slopes of `φ`, `φ′` and `(φ φ′)′`, where they have one, and the roundings of 1 plus
/// the argument that each of the three takes.
struct Steepness {
    slopes: [f64; 3],
    roundings: [usize; 3],
}

/// Values, slopes and curvatures of kinds that are computed by a dozen operations or fewer, on
/// numbers of at most 1 plus the argument: `φ` up to 8 roundings (docs of `kernels::math`), `φ′` from
/// `φ` or beside it, and `(φ φ′)′ = φ′² + φ φ″` from both.
const CURVED: Steepness = Steepness {
    slopes: [1.2, 1.0, 4.0],
    roundings: [8, 24, 80],
};

/// A straight line on either side of 0.
const STRAIGHT: Steepness = Steepness {
    slopes: [1.0, 0.0, 0.0],
    roundings: [2, 2, 4],
};

/// What a loss `Σ w φ(a)²` and its gradient need of an activation at `a`.
pub struct ActivationKind {
    /// `φ(a)`.
    pub value: Rounded,
    /// `φ′(a)`.
    pub slope: Rounded,
    /// `(φ φ′)′ = φ′² + φ φ″` at `a`.
    pub bend: Rounded,
}

impl ActivationKind {
    pub fn at(a: &Rounded, activation: Activation) -> Result<Self> {
        let Steepness { slopes, roundings } = match kink(activation) {
            Some(_) => STRAIGHT,
            None => CURVED,
        };
        let map = |order: usize, function: fn(Activation, &Tensor) -> Result<Tensor>| {
            a.map(|a| function(activation, a), slopes[order], roundings[order])
        };
        let (value, slope, bend) = (map(0, value)?, map(1, slope)?, map(2, bend)?);
        let Some(below) = kink(activation) else {
            return Ok(Self { value, slope, bend });
        };
        // Where rounding may put the argument on the other side of the kink, the slope is off by its
        // jump; so is its square, whereas `φ` is continuous.
        let open = a.may_be_zero()?;
        Ok(Self {
            value,
            slope: slope.off_by(&(&open * (1.0 - below))?)?,
            bend: bend.off_by(&(&open * (1.0 - below * below))?)?,
        })
    }
}

/// The slope below 0 of the activations that are straight on either side of it; 1 is above.
fn kink(activation: Activation) -> Option<f64> {
    match activation {
        Activation::Identity => Some(1.0),
        Activation::Relu => Some(0.0),
        Activation::LeakyRelu => Some(0.2),
        _ => None,
    }
}

fn value(activation: Activation, a: &Tensor) -> Result<Tensor> {
    activation.forward(a)
}

fn slope(activation: Activation, a: &Tensor) -> Result<Tensor> {
    let a = Var::from_tensor(a)?;
    derivative(&activation.forward(&a)?, &a)
}

fn bend(activation: Activation, a: &Tensor) -> Result<Tensor> {
    let a = Var::from_tensor(a)?;
    let half_square = (activation.forward(&a)?.sqr()? * 0.5)?;
    derivative(&derivative(&half_square, &a)?, &a)
}

fn derivative(y: &Tensor, x: &Var) -> Result<Tensor> {
    let gradients = y.sum_all()?.backward()?;
    Ok(gradients.get(x).cloned().unwrap_or(x.zeros_like()?))
}

/// The slopes of `φ`, `φ′` and `(φ φ′)′` by differences along a fine grid, the kink left out.
#[test]
fn no_curve_is_steeper_than_is_said() {
    for activation in super::ACTIVATIONS {
        let said = kink(activation).map_or(CURVED, |_| STRAIGHT).slopes;
        for side in [1.0, -1.0] {
            let grid: Vec<f64> = (1..20_000).map(|i| side * f64::from(i) * 1e-3).collect();
            let grid = Tensor::new(grid, &candle_core::Device::Cpu).unwrap();
            for (function, said) in [value, slope, bend].into_iter().zip(said) {
                let values = function(activation, &grid).unwrap();
                let values = values.to_vec1::<f64>().unwrap();
                let steps = values.windows(2).map(|pair| (pair[1] - pair[0]).abs());
                let steepest = steps.fold(0.0, f64::max) / 1e-3;
                assert!(
                    steepest <= said + 1e-9,
                    "{activation:?}: {steepest}, not {said}"
                );
            }
        }
    }
}
