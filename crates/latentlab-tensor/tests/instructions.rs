//! The same bits from every set of instructions that this machine has. In a process of its own: the
//! choice of instructions is the process's.

use candle_core::{DType, Device};
use latentlab_kernels::{
    ActivationKind, Instructions, activate, activate_slope, add_column_sums,
    conv::{Channels, Windows, backward_data, backward_weight, forward},
    instructions::limit,
    normalise::{Normal, gradients, normalise, statistics},
};
use latentlab_tensor::{
    Rng,
    ops::{affine, reparameterise},
};

const KINDS: [ActivationKind; 6] = [
    ActivationKind::Identity,
    ActivationKind::Leaky(0.0),
    ActivationKind::Leaky(0.2),
    ActivationKind::Elu,
    ActivationKind::Tanh,
    ActivationKind::Sigmoid,
];

fn values(purpose: &str, count: usize) -> Vec<f32> {
    let mut rng = Rng::stream(3, purpose, 0);
    let values = rng.normal(count, DType::F32, &Device::Cpu).unwrap();
    (values * 3.0).unwrap().to_vec1().unwrap()
}

/// The bits that every kernel gives with these instructions, for rows of `columns` values.
fn bits(instructions: Instructions, columns: usize) -> Vec<u32> {
    assert_eq!(limit(instructions), instructions);
    let count = 37 * columns;
    let (x, gradient) = (values("x", count), values("gradient", count));
    let (scale, bias) = (values("scale", columns), values("bias", columns));
    let mut results = Vec::new();
    for kind in KINDS {
        let mut y = x.clone();
        for row in y.chunks_exact_mut(columns) {
            activate(kind, Some(&bias), row);
        }
        let mut slopes = vec![0.0; count];
        activate_slope(kind, &y, &gradient, &mut slopes);
        let mut sums = vec![0.0; columns];
        add_column_sums(&slopes, &mut sums);
        let mean: Vec<f32> = statistics(&x, columns)
            .mean
            .iter()
            .map(|x| *x as f32)
            .collect();
        let normal = Normal {
            kind,
            mean: &mean,
            scale: &scale,
            bias: &bias,
        };
        let normalised = normalise(&x, normal);
        let backward = gradients([&x, &normalised, &gradient], normal, &scale);
        for part in [
            y,
            slopes,
            sums,
            normalised,
            backward.x,
            backward.weight,
            backward.bias,
        ] {
            results.extend(part.into_iter().map(f32::to_bits));
        }
    }
    results
}

/// The bits of the products of a convolution, by either way to compute them: with many windows and
/// with few.
fn products(instructions: Instructions, channels: usize, side: usize) -> Vec<u32> {
    assert_eq!(limit(instructions), instructions);
    let windows = (side + 2 - 4) / 2 + 1;
    let at = Windows {
        kernel: 4,
        stride: 2,
        padding: 1,
        batch: 5,
        image: [side; 2],
        windows: [windows; 2],
    };
    let both = Channels {
        image: channels,
        windows: channels + 3,
    };
    let x = values("x", at.batch * side * side * both.image);
    let y = values("y", at.batch * windows * windows * both.windows);
    let w = values("w", 16 * both.image * both.windows);
    let results = [
        forward(at, both, &x, &w, |_, _| {}),
        backward_data(at, both, &y, &w, |_, _| {}),
        backward_weight(at, both, &x, &y),
    ];
    results.concat().into_iter().map(f32::to_bits).collect()
}

/// The bits of random numbers and of what is done with tensors as a whole.
fn tensors(instructions: Instructions) -> Vec<u32> {
    assert_eq!(limit(instructions), instructions);
    let draw = |index| {
        let mut rng = Rng::stream(3, "draw", index);
        rng.normal((7, 1001), DType::F32, &Device::Cpu).unwrap()
    };
    let (mu, log_var, noise) = (draw(0), draw(1), draw(2));
    let z = reparameterise(&mu, &log_var, &noise).unwrap();
    let moved = affine(&z, 0.3, 0.7).unwrap();
    let bits = [noise, z, moved].map(|tensor| {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    });
    bits.concat()
}

#[test]
fn all_instructions_give_the_same_bits() {
    let widest = limit(Instructions::Avx512);
    for columns in [1, 3, 16, 100] {
        let portable = bits(Instructions::Portable, columns);
        for instructions in [Instructions::Avx2, Instructions::Avx512] {
            if instructions <= widest {
                assert_eq!(bits(instructions, columns), portable, "{instructions:?}");
            }
        }
    }
    // Many windows and few, channels that fill registers and others.
    for (channels, side) in [(16, 28), (21, 25), (3, 9)] {
        let portable = products(Instructions::Portable, channels, side);
        for instructions in [Instructions::Avx2, Instructions::Avx512] {
            if instructions <= widest {
                let given = products(instructions, channels, side);
                assert_eq!(given, portable, "{instructions:?}");
            }
        }
    }
    let portable = tensors(Instructions::Portable);
    for instructions in [Instructions::Avx2, Instructions::Avx512] {
        if instructions <= widest {
            assert_eq!(tensors(instructions), portable, "{instructions:?}");
        }
    }
}
