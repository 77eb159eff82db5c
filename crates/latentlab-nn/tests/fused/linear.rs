//! Bounds for layers `y = φ(T(x, w) + b)` with a bilinear `T`: linear, convolution, transposed
//! convolution.

use candle_core::{Result, Tensor, Var};
use latentlab_tensor::ops::Activation;
use latentlab_testing::{Rounded, Unit};

use super::{Bounds, Setting, activation::ActivationKind};

/// A bilinear map of an input and a weight, in candle's operations.
pub type Bilinear<'a> = &'a dyn Fn(&Tensor, &Tensor) -> Result<Tensor>;

/// A layer whose output is bilinear in input and weight up to a bias and an activation.
pub struct LinearLayer<'a> {
    /// `T`.
    pub apply: Bilinear<'a>,
    /// Dimension of the weight that counts the outputs; the other one of the first two counts the
    /// inputs.
    pub outputs: usize,
    /// Whether `T` may be computed by minimal filtering.
    pub minimal: bool,
    /// What follows.
    pub then: Activation,
}

/// `T(x, w)`, and the gradients of `⟨T(x, w), g⟩` by `x` and by `w`.
struct Products<'a> {
    layer: &'a LinearLayer<'a>,
    x: Rounded,
    w: Rounded,
}

impl Products<'_> {
    fn output(&self, x: &Rounded) -> Result<Rounded> {
        let terms = self.w.value().elem_count() / self.w.value().dims()[self.layer.outputs];
        let apply = |x: &Tensor, w: &Tensor| (self.layer.apply)(x, w);
        let magnitude = |x: &Tensor, w: &Tensor| self.times_four(&apply(x, &self.spread(w)?)?);
        x.bilinear_by(&self.w, terms + self.around(), apply, magnitude)
    }

    fn by_input(&self, g: &Rounded) -> Result<Rounded> {
        let terms = self.w.value().elem_count() / self.w.value().dims()[1 - self.layer.outputs];
        let shape = self.x.value();
        let apply = |g: &Tensor, w: &Tensor| {
            let x = Var::zeros(shape.shape(), shape.dtype(), shape.device())?;
            slope_of(&(self.layer.apply)(&x, w)?, g, &x)
        };
        let magnitude = |g: &Tensor, w: &Tensor| self.times_four(&apply(g, &self.spread(w)?)?);
        g.bilinear_by(&self.w, terms + self.around(), apply, magnitude)
    }

    fn by_weight(&self, x: &Rounded, g: &Rounded) -> Result<Rounded> {
        let outputs = self.w.value().dims()[self.layer.outputs];
        let terms = g.value().elem_count() / outputs;
        let shape = self.w.value();
        let apply = |x: &Tensor, g: &Tensor| {
            let w = Var::zeros(shape.shape(), shape.dtype(), shape.device())?;
            slope_of(&(self.layer.apply)(x, &w)?, g, &w)
        };
        let magnitude = |x: &Tensor, g: &Tensor| self.times_four(&self.spread(&apply(x, g)?)?);
        x.bilinear_by(g, terms + self.around(), apply, magnitude)
    }

    /// Roundings of the sums around the products of minimal filtering: two in each direction of
    /// images, weight and windows.
    fn around(&self) -> usize {
        if self.layer.minimal { 12 } else { 0 }
    }

    /// Minimal filtering multiplies sums: `y₀ = (x₀ − x₁) w₀ + x₁ (w₀ + w₁)` has products of each pixel
    /// of a window with both weights, each up to twice; in two dimensions with all four weights of
    /// its plane, each up to four times. So each weight counts for the four taps of its plane…
    fn spread(&self, w: &Tensor) -> Result<Tensor> {
        if !self.layer.minimal {
            return Ok(w.clone());
        }
        let (a, b, kernel, _) = w.dims4()?;
        let stride = kernel / 2;
        let planes = w.reshape(vec![a, b, 2, stride, 2, stride])?;
        let sums = planes.sum_keepdim(4)?.sum_keepdim(2)?;
        sums.broadcast_as(planes.shape())?.reshape(w.shape())
    }

    /// …and four times.
    fn times_four(&self, products: &Tensor) -> Result<Tensor> {
        products * if self.layer.minimal { 4.0 } else { 1.0 }
    }
}

/// The gradient by `x` of `⟨y, g⟩`.
fn slope_of(y: &Tensor, g: &Tensor, x: &Var) -> Result<Tensor> {
    let gradients = (y * g)?.sum_all()?.backward()?;
    Ok(gradients.get(x).expect("y depends on x").detach())
}

/// The bounds of everything that [`super::results`] notes of a layer.
///
/// With `a = T(x, w) + b` and the loss `Σ r φ(a)²`, its gradient by `a` is `g = 2 r φ φ′`, those by `x`
/// and `w` are the two adjoints of `T`, and that by `b` is a sum of `g`. The squared norm of the one
/// by `x` changes by `⟨v, T*(g, w)⟩ = ⟨T(v, w), g⟩` with `v` twice that gradient: by `w` directly, and
/// by `a` through `k = T(v, w) · 2 r (φ φ′)′`.
pub fn bounds(setting: &Setting, layer: &LinearLayer<'_>, unit: Unit) -> Result<Bounds> {
    let products = Products {
        layer,
        x: Rounded::exact(&setting.input, unit)?,
        w: setting
            .parameter("weight", unit)?
            .expect("every layer has a weight"),
    };
    let mut a = products.output(&products.x)?;
    let (over, along): (&[usize], Vec<usize>) = match a.value().dims() {
        [_, channels] => (&[0], vec![1, *channels]),
        dims => (&[0, 2, 3], vec![1, dims[1], 1, 1]),
    };
    let bias = setting.parameter("bias", unit)?;
    if let Some(bias) = &bias {
        a = a.plus(&bias.reshape(along)?)?;
    }
    let kind = ActivationKind::at(&a, layer.then)?;
    let twice = Rounded::exact(&setting.weights, unit)?.scaled(2.0)?;
    let g = twice.times(&kind.value)?.times(&kind.slope)?;
    let by_input = products.by_input(&g)?;
    let v = by_input.scaled(2.0)?;
    let k = products.output(&v)?.times(&twice)?.times(&kind.bend)?;

    let mut bounds = Bounds::default();
    bounds.note("output", kind.value);
    bounds.note_first("the input", by_input);
    bounds.note_first("weight", products.by_weight(&products.x, &g)?);
    bounds.note("second by the input", products.by_input(&k)?);
    let (direct, through) = (
        products.by_weight(&v, &g)?,
        products.by_weight(&products.x, &k)?,
    );
    bounds.note("second by weight", direct.plus(&through)?);
    if bias.is_some() {
        bounds.note_first("bias", g.sum(over)?);
        bounds.note("second by bias", k.sum(over)?);
    }
    Ok(bounds)
}
