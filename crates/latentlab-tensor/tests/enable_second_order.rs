//! Gradients of gradients in bare programs, whose environment has no variable for candle: each case is
//! a process of its own, started by the one that tests.

use std::{
    env,
    process::{Command, Output},
    thread,
};

use candle_core::{Device, Tensor, Var};
use latentlab_tensor::{Result, enable_second_order, input_gradient};

/// Says in a child what it is to do.
const CASE: &str = "LATENTLAB_TEST_CASE";
const VARIABLE: &str = "CANDLE_GRAD_DO_NOT_DETACH";

fn main() -> Result<()> {
    match env::var(CASE).as_deref() {
        Ok("enabled") => {
            enable_second_order()?;
            assert_eq!(second_derivative()?, 48.0);
            // Twice is once, also when there are threads by then.
            let elsewhere = thread::spawn(|| {
                enable_second_order()?;
                second_derivative()
            });
            assert_eq!(elsewhere.join().expect("it does not panic")?, 48.0);
            println!("done");
            Ok(())
        }
        Ok("with a thread") => {
            let (_open, closed) = std::sync::mpsc::channel::<()>();
            thread::spawn(move || closed.recv());
            enable_second_order()
        }
        Ok("after a gradient") => {
            let x = Var::new(2f64, &Device::Cpu)?;
            x.sqr()?.backward()?;
            enable_second_order()
        }
        Ok(_) => second_derivative().map(|_| ()),
        Err(_) => {
            test();
            Ok(())
        }
    }
}

/// d²(x⁴)/dx² at 2.
fn second_derivative() -> Result<f64> {
    let x = Var::new(&[2f64], &Device::Cpu)?;
    let slope = input_gradient(&x, |x: &Tensor| Ok(x.sqr()?.sqr()?))?.gradient;
    let second = slope.sum_all()?.backward()?;
    let second = second.get(&x).expect("the slope depends on x");
    Ok(second.sum_all()?.to_scalar()?)
}

fn test() {
    let done = child("enabled", None);
    assert!(done.status.success(), "{}", words(&done.stderr));
    assert_eq!(words(&done.stdout), "done\n");

    // Set from the beginning, nothing is too late.
    for case in ["with a thread", "after a gradient", "nothing"] {
        let given = child(case, Some("1"));
        assert!(given.status.success(), "{case}: {}", words(&given.stderr));
    }
    let cure = "call latentlab_tensor::enable_second_order() first in `main`";
    for case in ["with a thread", "after a gradient", "nothing"] {
        let refused = child(case, None);
        assert_eq!(refused.status.code(), Some(1), "{case}");
        // What `main` prints of an error: its `Debug`.
        let said = words(&refused.stderr);
        assert!(said.contains(cure), "{case}: {said}");
        assert!(
            said.contains("CANDLE_GRAD_DO_NOT_DETACH=1"),
            "{case}: {said}"
        );
    }
    // A variable that says no is overruled as well.
    let overruled = child("enabled", Some("0"));
    assert!(overruled.status.success(), "{}", words(&overruled.stderr));
}

fn child(case: &str, variable: Option<&str>) -> Output {
    let mut child = Command::new(env::current_exe().expect("a program knows where it is"));
    child.env(CASE, case).env_remove(VARIABLE);
    if let Some(value) = variable {
        child.env(VARIABLE, value);
    }
    child.output().expect("the child can be started")
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
