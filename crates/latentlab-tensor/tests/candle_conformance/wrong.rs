//! What candle 0.11.1 gets silently wrong.

use std::{collections::HashMap, env};

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::{ModuleT, VarBuilder, VarMap, loss, ops};
use safetensors::{Dtype, tensor::TensorView};

use super::{CHILD, child, gradient, gradient_error, images, normal, try_gradient};

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
            "candle #2168, #2977, #3011: {name} has a gradient now, `latentlab_nn::LayerNorm` may die"
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
        "candle #3507 is mended: `ops::upsample_nearest` may die"
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
        "candle's batch norm can leave its statistics: `latentlab_nn::BatchNorm` may die"
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
