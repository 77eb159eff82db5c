//! What candle 0.11.1 does wrong, lacks and does right, as far as this workspace depends on it.
//!
//! Each test of the first two groups asserts *today's* behaviour. One that fails after an upgrade
//! says what may be deleted, or that a workaround is no longer one.

// This is the one place that calls what clippy.toml keeps everybody else from calling.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::{collections::HashMap, env, process::Command};

use candle_core::{D, DType, Device, Module, Result, Tensor, Var};
use candle_nn::{ModuleT, VarBuilder, VarMap, loss, ops};
use latentlab_tensor::{
    Rng,
    gradcheck::{check_gradient, check_second_order},
};
use safetensors::{Dtype, tensor::TensorView};

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    Rng::stream(seed, "conformance", 0)
        .normal(shape, DType::F64, &Device::Cpu)
        .unwrap()
}

fn images() -> Tensor {
    normal(0, &[2, 2, 4, 4])
}

/// The worst error of the gradient of Σ f(x)², or why there is none.
fn try_gradient(
    x: &Tensor,
    f: impl Fn(&Tensor) -> Result<Tensor>,
) -> latentlab_tensor::Result<f64> {
    check_gradient(std::slice::from_ref(x), |x| {
        Ok(f(&x[0])?.sqr()?.sum_all()?)
    })
}

fn gradient_error(x: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> f64 {
    try_gradient(x, f).unwrap()
}

/// The gradient of Σ f(x), or `None` where the graph is cut.
fn gradient(x: &[f64], f: impl Fn(&Tensor) -> Result<Tensor>) -> Option<Vec<f64>> {
    let x = Var::new(x, &Device::Cpu).unwrap();
    let gradients = f(&x).unwrap().sum_all().unwrap().backward().unwrap();
    gradients.get(&x).map(|g| g.to_vec1().unwrap())
}

/// The standard output of the named test of this file, run with other environment variables.
fn child(test: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1");
    let output = change(&mut command).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{report}");
    report
}

const CHILD: &str = "LATENTLAB_CONFORMANCE_CHILD";

mod wrong {
    use super::*;

    #[test]
    fn a_gradient_is_detached_without_the_variable() {
        if env::var_os(CHILD).is_none() {
            child("wrong::a_gradient_is_detached_without_the_variable", |c| {
                c.env_remove("CANDLE_GRAD_DO_NOT_DETACH")
            });
            return;
        }
        let x = Var::new(2f64, &Device::Cpu).unwrap();
        let first = x.sqr().unwrap().sqr().unwrap().backward().unwrap();
        let second = first.get(&x).unwrap().backward().unwrap();
        let second = second.get(&x).unwrap().to_scalar::<f64>().unwrap();
        assert_eq!(
            second, 16.0,
            "candle #1241, #2462 changed (48 is right): look at `input_gradient`'s self-test"
        );
    }

    #[test]
    fn fused_norms_and_softmax_cut_the_gradient() {
        let ones = Tensor::ones(4, DType::F32, &Device::Cpu).unwrap();
        let layer_norm = candle_nn::LayerNorm::new(ones.clone(), ones.clone(), 1e-5);
        let rms_norm = candle_nn::RmsNorm::new(ones.clone(), 1e-5);
        type Function<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
        let functions: [(&str, Function); 5] = [
            ("LayerNorm", &|x| layer_norm.forward(x)),
            ("RmsNorm", &|x| rms_norm.forward(x)),
            ("ops::layer_norm", &|x| {
                ops::layer_norm(x, &ones, &ones, 1e-5)
            }),
            ("ops::rms_norm", &|x| ops::rms_norm(x, &ones, 1e-5)),
            ("ops::softmax_last_dim", &|x| ops::softmax_last_dim(x)),
        ];
        for (name, function) in functions {
            let row = |x: &Tensor| function(&x.to_dtype(DType::F32)?.unsqueeze(0)?)?.sqr();
            assert!(
                gradient(&[1.0, 2.0, 3.0, 5.0], row).is_none(),
                "candle #2168, #2977, #3011: {name} has a gradient now, `layers::LayerNorm` may die"
            );
        }
    }

    #[test]
    fn binary_cross_entropy_from_logits_overflows() {
        let value = |logit: f32, target: f32| {
            let logit = Tensor::new(&[logit], &Device::Cpu).unwrap();
            let target = Tensor::new(&[target], &Device::Cpu).unwrap();
            let value = loss::binary_cross_entropy_with_logit(&logit, &target).unwrap();
            value.to_scalar::<f32>().unwrap()
        };
        assert!(
            !value(17.0, 0.0).is_finite() && !value(100.0, 1.0).is_finite(),
            "candle #2561 is mended: the losses' own may die"
        );
    }

    #[test]
    fn nearest_upsampling_overwrites_the_gradient_of_other_consumers() {
        let alone = |x: &Tensor| x.upsample_nearest2d(8, 8);
        assert!(gradient_error(&images(), alone) < 1e-8);
        let with_other = |x: &Tensor| {
            let upsampled = x.upsample_nearest2d(8, 8)?.sqr()?.sum_all()?;
            upsampled + (x.sqr()?.sum_all()? * 3.0)?
        };
        assert!(
            gradient_error(&images(), with_other) > 0.1,
            "candle #3507 is mended: `layers::upsample_nearest` may die"
        );
    }

    #[test]
    fn scatter_has_a_wrong_gradient_and_scatter_add_none() {
        let source = normal(1, &[2, 2]);
        let column = source.narrow(1, 0, 1).unwrap().contiguous().unwrap();
        let once = Tensor::new(&[[0u32], [1]], &Device::Cpu).unwrap();
        let twice = Tensor::new(&[[0u32, 0], [1, 1]], &Device::Cpu).unwrap();
        let target = normal(2, &[2, 3]);
        assert!(
            gradient_error(&target, |x| x.scatter(&once, &column, 1)) > 0.1,
            "scatter's gradient is right now: clippy.toml may allow it"
        );
        assert!(
            try_gradient(&target, |x| x.scatter_add(&twice, &source, 1)).is_err(),
            "scatter_add has a gradient now: clippy.toml may allow it"
        );
    }

    #[test]
    fn detached_tensors_and_views_see_later_values_of_a_variable() {
        let variable = Var::new(&[1f32, 2.0], &Device::Cpu).unwrap();
        let aliases = [
            variable.as_detached_tensor(),
            variable.detach(),
            variable.reshape((2, 1)).unwrap().flatten_all().unwrap(),
        ];
        let copy = variable.copy().unwrap().detach();
        let new = Tensor::new(&[5f32, 6.0], &Device::Cpu).unwrap();
        variable.set(&new).unwrap();
        for alias in aliases {
            assert_eq!(
                alias.to_vec1::<f32>().unwrap(),
                [5.0, 6.0],
                "detached tensors are copies now: snapshots need no `copy`"
            );
        }
        assert_eq!(copy.to_vec1::<f32>().unwrap(), [1.0, 2.0]);
    }

    fn batch_norm() -> (VarMap, candle_nn::BatchNorm) {
        let map = VarMap::new();
        let builder = VarBuilder::from_varmap(&map, DType::F64, &Device::Cpu);
        let layer = candle_nn::batch_norm(2, 1e-5, builder).unwrap();
        (map, layer)
    }

    #[test]
    fn batch_norm_of_one_value_makes_its_running_variance_nan() {
        let (_, layer) = batch_norm();
        layer.forward_t(&normal(3, &[1, 2, 1, 1]), true).unwrap();
        let variance = layer.running_var().to_vec1::<f64>().unwrap();
        assert!(
            variance.iter().all(|v| v.is_nan()),
            "candle's batch norm guards its variance now"
        );
    }

    #[test]
    fn batch_norm_moves_its_statistics_on_every_training_pass() {
        let (_, layer) = batch_norm();
        let before = layer.running_mean().copy().unwrap();
        layer.forward_t(&images().detach(), true).unwrap();
        assert_ne!(
            layer.running_mean().to_vec1::<f64>().unwrap(),
            before.to_vec1::<f64>().unwrap(),
            "candle's batch norm can leave its statistics: `layers::BatchNorm` may die"
        );
    }

    #[test]
    fn a_var_map_has_no_order() {
        let paths = || -> Vec<String> {
            let map = VarMap::new();
            for index in 0..20 {
                let init = candle_nn::Init::Const(0.0);
                map.get(1, &format!("p{index}"), init, DType::F32, &Device::Cpu)
                    .unwrap();
            }
            let data = map.data().lock().unwrap();
            data.keys().cloned().collect()
        };
        let first = paths();
        assert!(
            (0..20).any(|_| paths() != first),
            "VarMap is ordered now: half of `ParamStore`'s reason is gone"
        );
    }

    #[test]
    fn a_var_map_loads_a_file_with_unknown_tensors_and_half_of_one_that_does_not_fit() {
        let path = env::temp_dir().join(format!("latentlab-{}.safetensors", std::process::id()));
        let write = |dims: &[usize]| {
            let tensors: HashMap<String, Tensor> = (0..20)
                .map(|index| {
                    let shape = if index == 10 { dims } else { &[1] };
                    let ones = Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap();
                    (format!("p{index}"), ones)
                })
                .collect();
            candle_core::safetensors::save(&tensors, &path).unwrap();
        };
        let map = || {
            let map = VarMap::new();
            for index in 0..15 {
                let init = candle_nn::Init::Const(0.0);
                map.get(1, &format!("p{index}"), init, DType::F32, &Device::Cpu)
                    .unwrap();
            }
            map
        };
        write(&[1]);
        let unknown = map().load(&path);
        write(&[2]);
        let half_written = (0..20).any(|_| {
            let mut map = map();
            map.load(&path).unwrap_err();
            let sum = |var: Var| var.sum_all().unwrap().to_scalar::<f32>().unwrap();
            map.all_vars().into_iter().map(sum).sum::<f32>() > 0.0
        });
        std::fs::remove_file(&path).unwrap();
        assert!(
            unknown.is_ok() && half_written,
            "VarMap::load is strict now: `ParamStore::load` may die"
        );
    }

    #[test]
    fn several_metadata_keys_make_the_bytes_of_a_file_differ() {
        let bytes = || {
            let keys = (0..6).map(|index| (format!("key{index}"), String::new()));
            let view = TensorView::new(Dtype::F32, vec![1], &[0; 4]).unwrap();
            safetensors::serialize([("tensor", view)], Some(keys.collect())).unwrap()
        };
        let first = bytes();
        assert!(
            (0..20).any(|_| bytes() != first),
            "safetensors sorts its metadata now: `encode_tensors` may write more than one key"
        );
    }

    #[test]
    fn the_derivative_of_gelu_erf_is_cut_to_six_digits() {
        let x = normal(4, &[20]);
        let error = gradient_error(&x, |x| x.gelu_erf());
        assert!(
            (1e-8..1e-5).contains(&error),
            "{error}: `Activation::Gelu` may use `gelu_erf` where this is below 1e-8"
        );
    }

    #[test]
    fn the_second_derivative_of_silu_is_nan_far_out() {
        let x = Var::new(&[-100f32], &Device::Cpu).unwrap();
        let first = x.silu().unwrap().backward().unwrap();
        let second = first.get(&x).unwrap().backward().unwrap();
        let second = second.get(&x).unwrap().to_vec1::<f32>().unwrap();
        assert!(
            second[0].is_nan(),
            "silu is finite to second order now: `Activation::Silu` may use it"
        );
    }
}

mod missing {
    use super::*;

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
}

mod right {
    use super::*;

    #[test]
    fn convolutions_have_right_gradients() {
        let x = normal(7, &[2, 2, 5, 5]);
        // Kernel, padding, stride, dilation.
        for (k, padding, stride, dilation) in
            [(3, 1, 2, 1), (4, 1, 2, 1), (3, 1, 1, 2), (5, 2, 3, 1)]
        {
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
        for (k, padding, output, stride) in [(4, 1, 0, 2), (3, 1, 1, 2), (3, 0, 0, 1), (4, 0, 0, 1)]
        {
            let kernel = normal(11, &[2, 3, k, k]);
            let transposed =
                |x: &Tensor, w: &Tensor| x.conv_transpose2d(w, padding, output, stride, 1);
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
}
