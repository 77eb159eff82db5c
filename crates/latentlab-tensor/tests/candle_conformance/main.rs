//! What candle 0.11.1 does wrong, lacks and does right, as far as this workspace depends on it.
//!
//! Each test of `wrong` and `missing` asserts *today's* behaviour. One that fails after an upgrade
//! says what may be deleted.

// This is the one place that calls what clippy.toml keeps everybody else from calling.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod missing;
mod right;
mod wrong;

use std::{env, process::Command};

use candle_core::{DType, Device, Result, Tensor, Var};
use latentlab_tensor::{Rng, gradcheck::check_gradient};

fn normal(seed: u64, shape: &[usize]) -> Tensor {
    Rng::stream(seed, "conformance", 0)
        .normal(shape, DType::F64, &Device::Cpu)
        .unwrap()
}

fn images() -> Tensor {
    normal(0, &[2, 2, 4, 4])
}

/// The worst error of the gradient of Σ f(x)², or the error of its backward pass.
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

/// Set in the environment of a [`child`].
const CHILD: &str = "LATENTLAB_CONFORMANCE_CHILD";

/// The standard output of the named test of this program, run with other environment variables.
fn child(test: &str, change: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]);
    command.env(CHILD, "1");
    let output = change(&mut command).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    let passed = output.status.success() && report.contains("1 passed");
    assert!(passed, "{report}");
    report
}
