//! Bounds for `y = φ(γ h + β)`, `h = (x − m) r`, `r = 1 / √(v + ε)`, with the mean `m` and the variance `v`
//! of a channel's values.

use candle_core::{Result, Tensor};
use latentlab_tensor::ops::Activation;
use latentlab_testing::{Rounded, Unit};

use super::{Bounds, Setting, activation::ActivationKind};

/// All dimensions but the last, which counts the channels.
const ROWS: [usize; 3] = [0, 1, 2];

const EPS: f64 = 1e-5;

/// The bounds of everything that [`super::results`] notes of a batch norm.
///
/// The loss is `Σ w φ(a)²` with `a = γ h + β`; its gradient by `a` is `g = 2 w φ φ′`, that by `x` is
/// `P(γ g)` with `P(u) = r (u − mean u − h mean(u h))`. The squared norm of the latter changes by
/// `⟨t, P(γ g)⟩` with `t` twice that gradient, where `P` is its own adjoint; it depends on `g`, `γ`, `h`
/// and `r`, where `dr/dxᵢ = −r² hᵢ / n`.
pub fn bounds(setting: &Setting, then: Activation, unit: Unit) -> Result<Bounds> {
    let x = Rounded::exact(&setting.input, unit)?;
    let along = |parameter: Rounded| parameter.reshape((1, 1, 1, x.value().dims()[3]));
    let scale = along(
        setting
            .parameter("weight", unit)?
            .expect("a batch norm has one"),
    )?;
    let shift = along(
        setting
            .parameter("bias", unit)?
            .expect("a batch norm has one"),
    )?;
    let centred = x.minus(&x.mean(&ROWS)?)?;
    let root = centred.times(&centred)?.mean(&ROWS)?.inverse_root(EPS)?;
    let h = centred.times(&root)?;
    let kind = ActivationKind::at(&h.times(&scale)?.plus(&shift)?, then)?;
    let twice = Rounded::exact(&setting.weights, unit)?.scaled(2.0)?;
    let g = twice.times(&kind.value)?.times(&kind.slope)?;
    let mean_of = |a: &Rounded, b: &Rounded| a.times(b)?.mean(&ROWS);
    let project = |u: &Rounded| {
        let along = h.times(&mean_of(u, &h)?)?;
        root.times(&u.minus(&u.mean(&ROWS)?)?.minus(&along)?)
    };
    let by_input = project(&g.times(&scale)?)?;

    let t = by_input.scaled(2.0)?;
    let k = project(&t)?
        .times(&scale)?
        .times(&twice)?
        .times(&kind.bend)?;
    // ⟨t, P(u)⟩ for u = γ g, as a function of h alone and of r alone.
    let u = g.times(&scale)?;
    let by_h = t
        .times(&mean_of(&u, &h)?)?
        .plus(&u.times(&mean_of(&t, &h)?)?)?;
    let by_h = k.times(&scale)?.minus(&root.times(&by_h)?)?;
    let by_root = t.times(&project(&u)?)?.sum(&ROWS)?;
    let n = (x.value().elem_count() / x.value().dims()[3]) as f64;
    // ⟨t, P(u)⟩ is r times what does not depend on r, so that r · d/dr leaves it as it is.
    let through_root = root.times(&by_root)?.times(&h)?.scaled(-1.0 / n)?;
    let by_scale = t.times(&project(&g)?)?.plus(&k.times(&h)?)?;

    let mut bounds = Bounds::default();
    bounds.note("output", kind.value);
    bounds.note_first("the input", by_input);
    bounds.note_first("weight", g.times(&h)?.sum(&ROWS)?);
    bounds.note_first("bias", g.sum(&ROWS)?);
    bounds.note("second by the input", project(&by_h)?.plus(&through_root)?);
    bounds.note("second by weight", by_scale.sum(&ROWS)?);
    bounds.note("second by bias", k.sum(&ROWS)?);
    Ok(bounds)
}

/// The values of the two running statistics after one batch, with momentum 0.1.
pub fn statistics(x: &Tensor, unit: Unit) -> Result<[Rounded; 2]> {
    let x = Rounded::exact(x, unit)?;
    let mean = x.mean(&ROWS)?;
    let centred = x.minus(&mean)?;
    let n = (x.value().elem_count() / x.value().dims()[3]) as f64;
    let variance = centred
        .times(&centred)?
        .mean(&ROWS)?
        .scaled(n / (n - 1.0))?;
    let tenth = |moment: Rounded, start: f64| {
        let start = Rounded::exact(&(moment.value().ones_like()? * (0.9 * start))?, unit)?;
        moment.scaled(0.1)?.plus(&start)
    };
    Ok([tenth(mean, 0.0)?, tenth(variance, 1.0)?])
}
