//! What candle 0.11.1 gets right, and this workspace relies on.

use std::env;

use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::ops;
use latentlab_tensor::gradcheck::{check_gradient, check_second_order};

use super::{CHILD, child, gradient_error, images, normal};

#[test]
fn convolutions_have_right_gradients() {
    let x = normal(7, &[2, 2, 5, 5]);
    // Kernel, padding, stride, dilation.
    for (k, padding, stride, dilation) in [(3, 1, 2, 1), (4, 1, 2, 1), (3, 1, 1, 2), (5, 2, 3, 1)] {
        let kernel = normal(8, &[3, 2, k, k]);
        let by_x = gradient_error(&x, |x| x.conv2d(&kernel, padding, stride, dilation, 1));
        let by_kernel = gradient_error(&kernel, |w| x.conv2d(w, padding, stride, dilation, 1));
        assert!(
            by_x < 1e-7 && by_kernel < 1e-7,
            "{k} {padding} {stride} {dilation}"
        );
    }
    let kernel = normal(9, &[4, 1, 3, 3]);
    assert!(gradient_error(&x, |x| x.conv2d(&kernel, 1, 1, 1, 2)) < 1e-7);
    assert!(gradient_error(&kernel, |w| x.conv2d(w, 1, 1, 1, 2)) < 1e-7);
}

#[test]
fn transposed_convolutions_have_right_gradients() {
    let x = normal(10, &[1, 2, 4, 4]);
    // Kernel, padding, output padding, stride.
    for (k, padding, output, stride) in [(4, 1, 0, 2), (3, 1, 1, 2), (3, 0, 0, 1), (4, 0, 0, 1)] {
        let kernel = normal(11, &[2, 3, k, k]);
        let transposed = |x: &Tensor, w: &Tensor| x.conv_transpose2d(w, padding, output, stride, 1);
        let by_x = gradient_error(&x, |x| transposed(x, &kernel));
        let by_kernel = gradient_error(&kernel, |w| transposed(&x, w));
        assert!(
            by_x < 1e-7 && by_kernel < 1e-7,
            "{k} {padding} {output} {stride}"
        );
    }
}

#[test]
fn these_operations_have_right_gradients_of_both_orders() {
    type Function<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
    let functions: [(&str, Function); 10] = [
        ("pad_with_zeros", &|x| x.pad_with_zeros(3, 1, 2)),
        ("pixel_shuffle", &|x| {
            ops::pixel_shuffle(&x.repeat((1, 2, 1, 1))?, 2)
        }),
        ("softmax", &|x| ops::softmax(x, 3)),
        ("silu", &|x| x.silu()),
        ("sigmoid", &|x| ops::sigmoid(x)),
        ("var_keepdim", &|x| x.var_keepdim(1)),
        ("cumsum", &|x| x.cumsum(3)),
        ("flip", &|x| x.flip(&[3])?.narrow(3, 0, 2)),
        ("log_sum_exp", &|x| x.log_sum_exp(3)),
        ("avg_pool2d", &|x| x.avg_pool2d(2)),
    ];
    for (name, function) in functions {
        let curved = |x: &[Tensor]| Ok(function(&x[0])?.sqr()?.sum_all()?);
        let first = check_gradient(&[images()], curved).unwrap();
        let second = check_second_order(&[images()], curved).unwrap();
        assert!(
            first < 1e-7 && second < 1e-7,
            "{name}: {first} and {second}"
        );
    }
}

#[test]
fn the_graph_may_be_30_000_operations_deep() {
    let run = || {
        let x = Var::new(1f32, &Device::Cpu).unwrap();
        let mut y = x.as_tensor().clone();
        for _ in 0..30_000 {
            y = (y + 1.0).unwrap();
        }
        let slope = y.backward().unwrap().get(&x).unwrap().clone();
        assert_eq!(slope.to_scalar::<f32>().unwrap(), 1.0);
    };
    let main_thread = std::thread::Builder::new().stack_size(8 << 20);
    main_thread.spawn(run).unwrap().join().unwrap();
}

#[test]
fn gradients_have_the_same_bits_for_1_2_and_4_threads() {
    if env::var_os(CHILD).is_some() {
        println!("bits: {:016x}", hash_of_gradients().unwrap());
        return;
    }
    let bits = ["1", "2", "4"].map(|threads| {
        let test = "right::gradients_have_the_same_bits_for_1_2_and_4_threads";
        let report = child(test, |command| {
            command
                .env("RAYON_NUM_THREADS", threads)
                .env("CANDLE_NUM_THREADS", threads)
        });
        let line = report.lines().find(|line| line.contains("bits: "));
        line.expect("the child prints its bits").to_owned()
    });
    assert!(bits.iter().all(|line| *line == bits[0]), "{bits:?}");
}

/// FNV-1a over the bits of the gradients of a convolution, a transposed one and a matrix.
fn hash_of_gradients() -> Result<u64> {
    let variable = |seed, shape: &[usize]| -> Result<Var> {
        Var::from_tensor(&normal(seed, shape).to_dtype(DType::F32)?)
    };
    let x = normal(12, &[8, 16, 28, 28]).to_dtype(DType::F32)?;
    let conv = variable(13, &[32, 16, 3, 3])?;
    let transposed = variable(14, &[32, 8, 4, 4])?;
    let matrix = variable(15, &[28 * 28 * 8, 64])?;
    let y = x.conv2d(&conv, 1, 2, 1, 1)?;
    let y = y.conv_transpose2d(&transposed, 1, 0, 2, 1)?;
    let z = y.flatten_from(1)?.matmul(&matrix)?;
    let loss = (y.sqr()?.mean_all()? + z.sqr()?.mean_all()?)?;
    let gradients = loss.backward()?;
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for var in [&conv, &transposed, &matrix] {
        let gradient = gradients.get(var).expect("all three are used");
        for value in gradient.flatten_all()?.to_vec1::<f32>()? {
            hash = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Ok(hash)
}
