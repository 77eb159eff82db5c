//! The same bits from any number of threads: products, convolutions in all three directions, batch
//! norm and random numbers, also where other threads take the processor's time. The number is a
//! process's, so each has a child process.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    process::Command,
};

use candle_core::{DType, Device, Tensor};
use latentlab_nn::{
    BatchNormConfig, Conv2dConfig, ConvTranspose2dConfig, batch_norm, conv_transpose2d, conv2d,
    linear,
};
use latentlab_tensor::{
    Mode, ParamStore, Result, Rng, final_backward, once,
    ops::{Activation, to_channels_first, to_channels_last},
};

/// Set in a child, to the number of its busy loops: it prints its bits instead of asking others for
/// theirs.
const CHILD: &str = "LATENTLAB_TEST_PRINTS_BITS";

fn normal(purpose: &str, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    Rng::stream(9, purpose, 0).normal(shape, DType::F32, &Device::Cpu)
}

/// A network with every kind of layer, applied and differentiated.
fn results(channels: usize, batch: usize, side: usize) -> Result<Vec<Tensor>> {
    let store = ParamStore::new(7, DType::F32, &Device::Cpu);
    let params = store.root();
    let config = Conv2dConfig {
        kernel: 4,
        stride: 2,
        padding: 1,
        ..Conv2dConfig::default()
    };
    let down = conv2d(channels, channels + 5, config, &params.at("down"))?;
    let norm = batch_norm(channels + 5, BatchNormConfig::default(), &params.at("norm"))?;
    let config = ConvTranspose2dConfig {
        kernel: 4,
        stride: 2,
        padding: 1,
        ..ConvTranspose2dConfig::default()
    };
    let up = conv_transpose2d(channels + 5, channels, config, &params.at("up"))?;
    let pixels = channels * (side / 2 * 2).pow(2);
    let head = linear(pixels, 33, &params.at("head"))?;
    let images = normal("images", (batch, channels, side, side))?;
    let (output, gradients) = once(|| {
        let x = to_channels_last(&images)?;
        let x = down.forward_channels_last(&x, Activation::Identity)?;
        let x = norm.forward_channels_last(&x, Mode::Train, Activation::LeakyRelu)?;
        let x = up.forward_channels_last(&x, Activation::Tanh)?;
        let x = to_channels_first(&x)?.reshape((batch, pixels))?;
        let x = head.forward_then(&x, Activation::Sigmoid)?;
        Ok::<_, latentlab_tensor::Error>((x.clone(), final_backward(&x.sqr()?.mean_all()?)?))
    })?;
    let mut results = vec![images, output];
    for (_, parameter) in store.parameters("") {
        results.extend(gradients.get(parameter.var()).cloned());
    }
    Ok(results)
}

fn digest() -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    // Many windows and few, channels that fill registers and others, batches of every kind.
    for (channels, batch, side) in [
        (16, 24, 16),
        (21, 3, 14),
        (3, 1, 8),
        (64, 16, 8),
        (1, 130, 6),
    ] {
        let results = results(channels, batch, side)?;
        assert_eq!(results.len(), 2 + 8, "every parameter has a gradient");
        for tensor in results {
            for value in tensor.flatten_all()?.to_vec1::<f32>()? {
                value.to_bits().hash(&mut hasher);
            }
        }
    }
    Ok(hasher.finish())
}

/// The digest of a process with so many threads, beside so many busy loops.
fn digest_with(threads: usize, loops: usize) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "any_number_of_threads_gives_the_same_bits"])
        .arg("--nocapture")
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env(CHILD, loops.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    let digest = text.split("digest ").nth(1);
    let digest = digest.unwrap_or_else(|| panic!("no digest: {text}"));
    digest.split_whitespace().next().unwrap().to_owned()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    if let Ok(loops) = std::env::var(CHILD) {
        for _ in 0..loops.parse().unwrap() {
            // They end with the process.
            std::thread::spawn(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
        println!("digest {:016x} ", digest().unwrap());
        return;
    }
    let alone = digest_with(1, 0);
    for (threads, loops) in [(2, 0), (5, 0), (9, 0), (16, 0), (2, 8), (16, 8)] {
        let digest = digest_with(threads, loops);
        assert_eq!(digest, alone, "{threads} threads, {loops} busy loops");
    }
}
