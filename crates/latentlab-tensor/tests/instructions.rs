//! The same bits from every set of instructions that this machine has. In a process of its own: the
//! choice of instructions is the process's.

use candle_core::{DType, Device};
use latentlab_tensor::{
    Rng,
    kernels::{
        Curve, Instructions, activate, activate_slope, add_column_sums,
        instructions::limit,
        normalise::{Normal, gradients, normalise, statistics},
    },
};

const CURVES: [Curve; 6] = [
    Curve::Identity,
    Curve::Leaky(0.0),
    Curve::Leaky(0.2),
    Curve::Elu,
    Curve::Tanh,
    Curve::Sigmoid,
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
    for curve in CURVES {
        let mut y = x.clone();
        for row in y.chunks_exact_mut(columns) {
            activate(curve, Some(&bias), row);
        }
        let mut slopes = vec![0.0; count];
        activate_slope(curve, &y, &gradient, &mut slopes);
        let mut sums = vec![0.0; columns];
        add_column_sums(&slopes, &mut sums);
        let mean: Vec<f32> = statistics(&x, columns)
            .mean
            .iter()
            .map(|x| *x as f32)
            .collect();
        let normal = Normal {
            curve,
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
}
