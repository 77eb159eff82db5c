//! The two terms of a variational autoencoder's bound on plain candle tensors.

use candle_core::{DType, Device, Tensor};
use latentlab_losses::{batch_mean, divergence, reconstruction};

fn main() -> candle_core::Result<()> {
    let device = Device::Cpu;
    let images = Tensor::full(0.25f32, (8, 1, 4, 4), &device)?; // [N, C, H, W], in [0, 1]
    let logits = Tensor::zeros_like(&images)?; // of a decoder that knows nothing
    let mean = Tensor::ones((8, 2), DType::F32, &device)?; // of the posterior
    let log_var = Tensor::zeros((8, 2), DType::F32, &device)?;

    let nll = batch_mean(&reconstruction::bernoulli_nll(&logits, &images)?)?;
    let kl = batch_mean(&divergence::gaussian_kl(&mean, &log_var)?)?;
    let (nll, kl): (f32, f32) = (nll.to_scalar()?, kl.to_scalar()?);
    println!(
        "reconstruction {nll:.4} nats per image (16 ln 2 = {:.4})",
        16.0 * 2f32.ln()
    );
    println!("divergence     {kl:.4} nats per image (2 · ½ · 1² = 1)");
    assert!((nll - 16.0 * 2f32.ln()).abs() < 1e-4 && (kl - 1.0).abs() < 1e-6);
    Ok(())
}
