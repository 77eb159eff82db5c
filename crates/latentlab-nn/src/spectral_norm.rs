//! Spectral normalisation of a weight (Miyato et al. 2018, algorithm 1).

use candle_core::{Result as TensorResult, Shape, Tensor};

use latentlab_tensor::{Init, ParamBuilder, Parameter, Result};

/// Power iterations when a layer is declared, so that σ is close from the first step on.
const WARM_UP: usize = 15;

/// Keeps a norm away from 0, as in PyTorch.
const EPS: f64 = 1e-12;

/// A weight divided by its largest singular value, `W / σ` with `σ = uᵀ W v`, where `W` is taken as
/// the matrix `[out, rest]`: PyTorch's classic `torch.nn.utils.spectral_norm`.
///
/// `u` and `v` follow the singular vectors by one power iteration per forward pass while the
/// layer's group is being trained, and rest otherwise. They are constants to the gradient; σ is
/// not, so the gradient keeps W from simply growing.
///
/// Parameter: `weight_orig`, of the weight's shape. Buffers: `weight_u` `[out]`, `weight_v` `[rest]`.
#[derive(Clone, Debug)]
pub struct SpectralNorm {
    weight_orig: Parameter,
    weight_u: Parameter,
    weight_v: Parameter,
}

/// Declares a weight with spectral normalisation.
pub fn spectral_norm(
    shape: impl Into<Shape>,
    init: Init,
    params: &ParamBuilder,
) -> Result<SpectralNorm> {
    let shape = shape.into();
    let rows = shape.dims().first().copied().unwrap_or(1);
    let columns = shape.elem_count() / rows.max(1);
    let direction = Init::Normal {
        mean: 0.0,
        std: 1.0,
    };
    let weight = SpectralNorm {
        weight_orig: params.parameter("weight_orig", shape, init)?,
        weight_u: params.buffer("weight_u", rows, direction)?,
        weight_v: params.buffer("weight_v", columns, direction)?,
    };
    for _ in 0..WARM_UP {
        weight.iterate()?;
    }
    Ok(weight)
}

impl SpectralNorm {
    /// The normalised weight for one forward pass.
    pub fn value(&self) -> TensorResult<Tensor> {
        if self.weight_orig.moves() {
            self.iterate()?;
        }
        let weight = self.weight_orig.value();
        // Of length 1 also where they are averages of unit vectors, which are shorter. And copies:
        // the graph must not see the vectors of a later iteration.
        let u = unit(&self.weight_u.value())?.unsqueeze(0)?; // [1, out]
        let v = unit(&self.weight_v.value())?.unsqueeze(1)?; // [rest, 1]
        let sigma = u.matmul(&weight.flatten_from(1)?.matmul(&v)?)?; // [1, 1]
        weight.broadcast_div(&sigma.reshape(vec![1; weight.rank()])?)
    }

    /// One power iteration: `v ← Wᵀu / ‖Wᵀu‖`, `u ← Wv / ‖Wv‖`.
    fn iterate(&self) -> TensorResult<()> {
        let weight = self
            .weight_orig
            .var()
            .as_detached_tensor()
            .flatten_from(1)?; // [out, rest]
        let u = self.weight_u.value().unsqueeze(1)?; // [out, 1]
        let v = unit(&weight.t()?.matmul(&u)?)?; // [rest, 1]
        let u = unit(&weight.matmul(&v)?)?; // [out, 1]
        self.weight_v.var().set(&v.flatten_all()?)?;
        self.weight_u.var().set(&u.flatten_all()?)
    }
}

fn unit(vector: &Tensor) -> TensorResult<Tensor> {
    vector.broadcast_div(&vector.sqr()?.sum_all()?.sqrt()?.maximum(EPS)?)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use latentlab_tensor::ParamStore;

    /// A weight `[8, 4, 3, 3]`, seen as the matrix `[8, 36]`.
    fn weight() -> (ParamStore, SpectralNorm) {
        let store = ParamStore::new(4, DType::F64, &Device::Cpu);
        let weight = spectral_norm((8, 4, 3, 3), Init::DCGAN, &store.root()).unwrap();
        (store, weight)
    }

    /// The largest singular value of the matrix `[8, 36]`: (tr (WWᵀ)ⁿ)^(1/2n) tends to it from
    /// above, within 8^(1/2n).
    fn largest_singular_value(weight: &Tensor) -> f64 {
        let matrix = weight.flatten_from(1).unwrap();
        let mut power = matrix.matmul(&matrix.t().unwrap()).unwrap();
        for _ in 0..7 {
            power = power.matmul(&power).unwrap(); // in the end the 128th power of WWᵀ
        }
        let rows = power.to_vec2::<f64>().unwrap();
        let trace: f64 = rows.iter().enumerate().map(|(i, row)| row[i]).sum();
        trace.powf(1.0 / 256.0)
    }

    #[test]
    fn the_norm_is_near_1_from_the_first_forward_pass_on() {
        let (_, weight) = weight();
        let norm = largest_singular_value(&weight.value().unwrap());
        assert!((norm - 1.0).abs() < 0.02, "{norm}");
    }

    #[test]
    fn the_norm_tends_to_1_while_the_group_is_trained() {
        let (_, weight) = weight();
        for _ in 0..200 {
            weight.value().unwrap();
        }
        let norm = largest_singular_value(&weight.value().unwrap());
        // The bound of the trace: 8^(1/256) − 1.
        assert!((-1e-9..0.0082).contains(&(norm - 1.0)), "{norm}");
    }

    #[test]
    fn the_vectors_rest_while_another_group_is_trained() {
        let (store, weight) = weight();
        let vectors = || {
            [&weight.weight_u, &weight.weight_v]
                .map(|vector| vector.value().to_vec1::<f64>().unwrap())
        };
        let before = vectors();
        store.freeze();
        assert!(!weight.value().unwrap().track_op());
        assert_eq!(vectors(), before);
        store.train_only("");
        weight.value().unwrap();
        assert_ne!(vectors(), before);
    }

    #[test]
    fn vectors_that_an_average_has_shortened_give_the_same_weight() {
        let (store, weight) = weight();
        store.freeze();
        let values = || {
            let value = weight.value().unwrap().flatten_all().unwrap();
            value.to_vec1::<f64>().unwrap()
        };
        let before = values();
        for vector in [&weight.weight_u, &weight.weight_v] {
            vector.set(&(vector.value() * 0.25).unwrap()).unwrap();
        }
        for (after, before) in values().iter().zip(before) {
            assert!((after - before).abs() < 1e-12, "{after} is not {before}");
        }
    }

    #[test]
    fn a_later_pass_does_not_change_the_gradient_of_an_earlier_one() {
        let gradient = |between: usize| {
            let (_, weight) = weight();
            let early = weight.value().unwrap();
            for _ in 0..between {
                weight.value().unwrap();
            }
            let gradients = early.sum_all().unwrap().backward().unwrap();
            let gradient = gradients.get(weight.weight_orig.var()).unwrap().clone();
            gradient.flatten_all().unwrap().to_vec1::<f64>().unwrap()
        };
        assert_eq!(gradient(0), gradient(3));
    }
}
