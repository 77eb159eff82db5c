//! Losses that are kernels in `f32`, against the same losses composed in `f64`: values and gradients,
//! by the kernels' own backward pass and by the one that can be differentiated again.

use candle_core::{DType, Device, Tensor, Var, backprop::GradStore};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    batch_mean, divergence, reconstruction,
};
use latentlab_tensor::{Result, Rng, final_backward};

type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;
type Backward = fn(&Tensor) -> Result<GradStore>;

const LOSSES: [(&str, Loss); 7] = [
    ("bernoulli", |x, t| {
        batch_mean(&reconstruction::bernoulli_nll(x, t)?)
    }),
    ("squared", |x, t| {
        batch_mean(&reconstruction::squared_error(x, t)?)
    }),
    ("squared of sigmoid", |x, t| {
        batch_mean(&reconstruction::squared_error_of_sigmoid(x, t)?)
    }),
    ("gaussian of sigmoid", |x, t| {
        batch_mean(&reconstruction::gaussian_nll_of_sigmoid(x, t, 0.3)?)
    }),
    ("divergence", |x, t| {
        batch_mean(&divergence::gaussian_kl(x, t)?)
    }),
    ("discriminator", |x, t| {
        let smoothing = Smoothing {
            real: 0.9,
            fake: 0.1,
        };
        Objective::Minimax.discriminator_loss(x, t, smoothing)
    }),
    ("generator", |x, t| {
        let own = Objective::NonSaturating.generator_loss(x)?;
        Ok((own + Objective::Minimax.generator_loss(t)?)?)
    }),
];

fn results(loss: Loss, backward: Backward, dtype: DType) -> Vec<f64> {
    let draw = |index| {
        let mut rng = Rng::stream(6, "fused", index);
        let values = rng.normal((5, 37), DType::F32, &Device::Cpu).unwrap();
        Var::from_tensor(&(values * 3.0).unwrap().to_dtype(dtype).unwrap()).unwrap()
    };
    let (x, t) = (draw(0), draw(1));
    let loss = loss(&x, &t).unwrap();
    let gradients = backward(&loss).unwrap();
    let tensors = [
        &loss,
        gradients.get(&x).unwrap(),
        gradients.get(&t).unwrap(),
    ];
    let values = tensors.map(|tensor| {
        let tensor = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
        tensor.to_vec1::<f64>().unwrap()
    });
    values.concat()
}

#[test]
fn kernels_agree_with_compositions_in_both_backward_passes() {
    let plain: Backward = |loss| Ok(loss.backward()?);
    for (name, loss) in LOSSES {
        let exact = results(loss, plain, DType::F64);
        for backward in [final_backward, plain] {
            for (ours, exact) in results(loss, backward, DType::F32).iter().zip(&exact) {
                let error = (ours - exact).abs() / (1.0 + exact.abs());
                assert!(error < 2e-6, "{name}: {ours} is not {exact}");
            }
        }
    }
}
