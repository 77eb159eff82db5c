//! A layer with a state of its own: vector quantisation by a codebook that follows what it quantises
//! (van den Oord et al. 2017, section 3 and appendix A.1).
//!
//! No gradient reaches a codebook, because the choice of the nearest code has none. So it is a pair of
//! buffers: saved with the parameters, moved by the layer itself, and only while its group is trained.

use candle_core::{D, Tensor};
use latentlab_core::Error;
use latentlab_tensor::{Init, ParamBuilder, Parameter, Result, Rng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be chosen of a [`Quantiser`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuantiserConfig {
    /// Number of codes, K.
    pub codes: usize,
    /// Length of a code.
    pub width: usize,
    /// Share of the codebook that a step keeps, in (0, 1).
    pub decay: f64,
    /// A code that fewer vectors of a step choose, on average, starts anew at a vector of the batch;
    /// above 0.
    pub restart_below: f64,
}

impl Default for QuantiserConfig {
    fn default() -> Self {
        Self {
            codes: 64,
            width: 8,
            decay: 0.99,
            restart_below: 0.5,
        }
    }
}

/// Replaces vectors by the nearest of K codes `e = m / n`.
///
/// Buffers: `counts` `[K]`, the running average n of how many vectors of a step choose a code, and
/// `sums` `[K, W]`, that of the sum m of these vectors. The codes themselves are not kept: an average
/// of models is then one of sums and counts, which weighs codes by how often they were chosen.
#[derive(Clone, Debug)]
pub struct Quantiser {
    counts: Parameter,
    sums: Parameter,
    config: QuantiserConfig,
}

/// Declares a quantiser whose codes start as standard normal vectors.
///
/// # Errors
/// For a value out of range.
pub fn quantiser(
    config: QuantiserConfig,
    params: &ParamBuilder,
) -> latentlab_core::Result<Quantiser> {
    for (field, value) in [("codes", config.codes), ("width", config.width)] {
        if value == 0 {
            return Err(Error::config(field, "must be at least 1"));
        }
    }
    if !(config.decay > 0.0 && config.decay < 1.0) {
        let problem = format!("must be between 0 and 1, not {}", config.decay);
        return Err(Error::config("decay", problem));
    }
    // A code that nothing chooses for ever would end as 0 / 0.
    if !(config.restart_below > 0.0 && config.restart_below.is_finite()) {
        let problem = format!("must be above 0, not {}", config.restart_below);
        return Err(Error::config("restart_below", problem));
    }
    let start = Init::Normal {
        mean: 0.0,
        std: 1.0,
    };
    Ok(Quantiser {
        counts: params.buffer("counts", config.codes, Init::ONES)?,
        sums: params.buffer("sums", (config.codes, config.width), start)?,
        config,
    })
}

/// Vectors, quantised.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// The nearest code of each vector, `[M, W]`. Its gradient is handed to the vector as it is
    /// (straight through).
    pub codes: Tensor,
    /// The number of that code, `[M]`, `u32` below K.
    pub indices: Tensor,
    /// `‖z − e‖²` for each vector z and its code e, `[M]`, with a gradient to the vector alone: the
    /// commitment loss (eq. 3).
    pub distance: Tensor,
}

impl Quantiser {
    /// The nearest codes of vectors `[M, W]`.
    ///
    /// # Errors
    /// If the vectors have another length than the codes.
    pub fn quantise(&self, vectors: &Tensor) -> Result<Quantised> {
        let codes = self.codes()?; // [K, W]
        let fixed = vectors.detach();
        // ‖z − e‖² without ‖z‖², which is the same for every code.
        let products = fixed.matmul(&codes.t()?)?; // [M, K]
        let lengths = codes.sqr()?.sum(D::Minus1)?; // [K]
        let distances = (products * -2.0)?.broadcast_add(&lengths)?;
        let indices = distances.argmin(D::Minus1)?; // [M]
        let chosen = codes.index_select(&indices, 0)?; // [M, W]
        Ok(Quantised {
            // z − z is 0 exactly, and has the gradient of z.
            codes: (&chosen + (vectors - &fixed)?)?,
            distance: (vectors - &chosen)?.sqr()?.sum(D::Minus1)?,
            indices,
        })
    }

    /// Moves the codes towards the vectors `[M, W]` that have chosen them (appendix A.1, eq. 6 to 8),
    /// unless another group is being trained.
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn learn(&self, vectors: &Tensor, indices: &Tensor, rng: &mut Rng) -> Result<()> {
        if !self.sums.moves() {
            return Ok(());
        }
        let vectors = vectors.detach();
        let chosen = self.one_hot(indices)?.to_dtype(vectors.dtype())?; // [M, K]
        let counts = self.blend(&self.counts, &chosen.sum(0)?)?; // [K]
        let sums = self.blend(&self.sums, &chosen.t()?.matmul(&vectors)?)?; // [K, W]

        // Codes that are hardly chosen start anew. Which ones is not read to the host, so that a step
        // draws as many random numbers whatever happens.
        let order = rng.permutation(vectors.dim(0)?);
        let order: Vec<u32> = order.into_iter().cycle().take(self.config.codes).collect();
        let fresh = vectors.index_select(&Tensor::new(order, vectors.device())?, 0)?; // [K, W]
        let rare = counts.lt(self.config.restart_below)?; // [K]
        let counts = rare.where_cond(&counts.ones_like()?, &counts)?;
        let rare = rare.unsqueeze(1)?.broadcast_as(sums.shape())?; // [K, W]
        self.counts.set(&counts)?;
        self.sums.set(&rare.where_cond(&fresh, &sums)?)
    }

    /// `exp(−Σ p ln p)` of the shares p in which the codes were chosen, a scalar from 1 to K: how many
    /// codes are in use.
    ///
    /// # Errors
    /// If there are no `indices` `[M]`.
    pub fn perplexity(&self, indices: &Tensor) -> Result<Tensor> {
        let dtype = self.counts.var().dtype();
        let shares = self.one_hot(indices)?.to_dtype(dtype)?.mean(0)?; // [K]
        let entropy = (&shares * (&shares + 1e-10)?.log()?)?.sum_all()?.neg()?;
        Ok(entropy.exp()?)
    }

    /// The codes, `[K, W]`: a tensor of its own, which later steps do not change.
    fn codes(&self) -> Result<Tensor> {
        let counts = self.counts.value().unsqueeze(1)?; // [K, 1]
        Ok(self.sums.value().broadcast_div(&counts)?)
    }

    fn blend(&self, average: &Parameter, now: &Tensor) -> Result<Tensor> {
        let decay = self.config.decay;
        Ok(((average.value() * decay)? + (now * (1.0 - decay))?)?)
    }

    /// `[M]` to `[M, K]`, 0 or 1.
    fn one_hot(&self, indices: &Tensor) -> Result<Tensor> {
        let all = Tensor::arange(0, self.config.codes as u32, indices.device())?; // [K]
        Ok(indices.unsqueeze(1)?.broadcast_eq(&all)?)
    }
}

#[cfg(test)]
mod tests;
