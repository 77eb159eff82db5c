//! The same bits from every set of instructions that this machine has. In a process of its own: the
//! choice of instructions is the process's.

use candle_core::{DType, Device, Tensor, Var};
use latentlab_kernels::{Instructions, instructions::limit};
use latentlab_losses::{
    adversarial::{Objective, Smoothing},
    batch_mean, divergence, reconstruction,
};
use latentlab_tensor::{Result, Rng, final_backward};

fn values(purpose: &str, pixels: usize) -> Tensor {
    let mut rng = Rng::stream(3, purpose, 0);
    let values = rng.normal((5, pixels), DType::F32, &Device::Cpu).unwrap();
    (values * 20.0).unwrap()
}

type Loss = fn(&Tensor, &Tensor) -> Result<Tensor>;

const LOSSES: [Loss; 6] = [
    |x, t| batch_mean(&reconstruction::bernoulli_nll(x, t)?),
    |x, t| batch_mean(&reconstruction::squared_error(x, t)?),
    |x, t| batch_mean(&reconstruction::squared_error_of_sigmoid(x, t)?),
    |x, t| batch_mean(&divergence::gaussian_kl(x, t)?),
    |x, t| Objective::Minimax.discriminator_loss(x, t, Smoothing::default()),
    |x, t| {
        let real = Objective::NonSaturating.generator_loss(x)?;
        Ok((real + Objective::Minimax.generator_loss(t)?)?)
    },
];

/// The bits of every loss and of its gradients.
fn bits(instructions: Instructions, pixels: usize) -> Vec<u32> {
    assert_eq!(limit(instructions), instructions);
    let (x, t) = (values("x", pixels), values("t", pixels));
    let mut bits = Vec::new();
    for loss in LOSSES {
        let (x, t) = (Var::from_tensor(&x).unwrap(), Var::from_tensor(&t).unwrap());
        let loss = loss(&x, &t).unwrap();
        let gradients = final_backward(&loss).unwrap();
        for tensor in [
            &loss,
            gradients.get(&x).unwrap(),
            gradients.get(&t).unwrap(),
        ] {
            let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            bits.extend(values.into_iter().map(f32::to_bits));
        }
    }
    bits
}

#[test]
fn all_instructions_give_the_same_bits() {
    let widest = limit(Instructions::Avx512);
    for pixels in [1, 3, 16, 784] {
        let portable = bits(Instructions::Portable, pixels);
        for instructions in [Instructions::Avx2, Instructions::Avx512] {
            if instructions <= widest {
                assert_eq!(bits(instructions, pixels), portable, "{instructions:?}");
            }
        }
    }
}
