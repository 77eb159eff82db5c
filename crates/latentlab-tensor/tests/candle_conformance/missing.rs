//! What candle 0.11.1 lacks, and where its derivatives differ from PyTorch's.

use candle_core::{D, DType, Device};
use candle_nn::ops;

use super::{gradient, images, normal, try_gradient};

#[test]
fn the_cpu_generator_cannot_be_seeded() {
    assert!(
        Device::Cpu.set_seed(1).is_err(),
        "candle #2651, #3297: the CPU generator can be seeded now"
    );
}

#[test]
fn some_operations_have_no_backward_pass() {
    let x = images();
    let kernel = normal(5, &[4, 1, 3]);
    let line = x.reshape((4, 4, 4)).unwrap();
    let without_one = [
        try_gradient(&x, |x| x.upsample_bilinear2d(8, 8, false)),
        try_gradient(&x, |x| x.avg_pool2d_with_stride(3, 1)),
        try_gradient(&x, |x| x.max_pool2d_with_stride(3, 1)),
        try_gradient(&line, |x| x.conv_transpose1d(&kernel, 0, 0, 1, 1, 1)),
    ];
    for (index, result) in without_one.into_iter().enumerate() {
        assert!(
            result.is_err(),
            "operation {index} has a gradient now: {result:?}"
        );
    }
}

#[test]
fn bf16_multiplies_matrices_on_the_cpu_but_does_not_convolve() {
    let x = images().to_dtype(DType::BF16).unwrap();
    let kernel = normal(6, &[2, 2, 3, 3]).to_dtype(DType::BF16).unwrap();
    x.matmul(&x).unwrap();
    assert!(
        x.conv2d(&kernel, 1, 1, 1, 1).is_err(),
        "bf16 convolves on the CPU now"
    );
}

#[test]
fn the_slopes_at_kinks_differ_from_those_of_pytorch() {
    let relu = gradient(&[0.0], |x| x.relu());
    assert_eq!(relu, Some(vec![1.0]), "relu'(0) was 1 (PyTorch: 0)");
    let leaky = gradient(&[0.0], |x| ops::leaky_relu(x, 0.2));
    assert_eq!(
        leaky,
        Some(vec![0.6]),
        "leaky_relu'(0) was 0.6 (PyTorch: 0.2)"
    );
    let ties = gradient(&[1.0, 1.0, 0.0], |x| x.max(D::Minus1));
    assert_eq!(
        ties,
        Some(vec![1.0, 1.0, 0.0]),
        "max gave all of the gradient to each tie"
    );
    let norm = gradient(&[0.0, 0.0], |x| x.sqr()?.sum_all()?.sqrt()).unwrap();
    assert!(
        norm.iter().all(|slope| slope.is_nan()),
        "the norm's gradient at 0 was NaN"
    );
}
