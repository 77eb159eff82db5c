//! Without the environment variable, a gradient of a gradient is an error and not a wrong number.

use std::{env, process::Command};

use candle_core::{Device, Tensor};
use latentlab_tensor::{Error, gradcheck::check_second_order, input_gradient};

const VARIABLE: &str = "CANDLE_GRAD_DO_NOT_DETACH";

/// Runs in a child process without the variable; where it is set, starts that child.
#[test]
fn a_second_order_gradient_is_refused_where_it_would_be_wrong() {
    if env::var_os(VARIABLE).is_some() {
        let child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "a_second_order_gradient_is_refused_where_it_would_be_wrong",
            ])
            .env_remove(VARIABLE)
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{report}");
        assert!(report.contains("1 passed"), "{report}");
        return;
    }
    let x = Tensor::new(&[2f64], &Device::Cpu).unwrap();
    let error = input_gradient(&x, |x| Ok(x.sqr()?)).unwrap_err();
    assert!(matches!(error, Error::SecondOrderOff), "{error}");
    assert!(error.to_string().contains("CANDLE_GRAD_DO_NOT_DETACH=1"));
    let sum = |inputs: &[Tensor]| Ok(inputs[0].sqr()?.sum_all()?);
    let error = check_second_order(&[x], sum).unwrap_err();
    assert!(matches!(error, Error::SecondOrderOff), "{error}");
}
