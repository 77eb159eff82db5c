//! Gradients of gradients for a whole process, so that a program needs nothing in its environment.

use super::require_second_order;
use crate::{Error, Result};

/// What candle reads, once on each thread, before the thread's first backward pass.
const VARIABLE: &str = "CANDLE_GRAD_DO_NOT_DETACH";

/// Switches gradients of gradients on for all threads of this process: those that gradient penalties
/// and [`input_gradient`](crate::input_gradient) need. The first thing in `main`:
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     latentlab_tensor::enable_second_order()?;
///     let x = candle_core::Tensor::new(&[3f64], &candle_core::Device::Cpu)?;
///     let slope = latentlab_tensor::input_gradient(&x, |x| Ok(x.sqr()?))?.gradient;
///     assert_eq!(slope.to_vec1::<f64>()?, [6.0]);
///     Ok(())
/// }
/// ```
///
/// It sets the environment variable `CANDLE_GRAD_DO_NOT_DETACH`, which may be done only while nobody
/// else can read the environment: on Linux, where the system tells that this is the only thread of the
/// process, and on Windows, where it may always be done. Where it was set from the beginning, as
/// `.cargo/config.toml` can for programs that cargo starts, there is nothing to do on any system.
///
/// # Errors
/// [`Error::SecondOrderTooLate`] if the process has other threads, or this one has taken gradients
/// already, and the variable was not set before.
pub fn enable_second_order() -> Result<()> {
    if may_change_environment() {
        #[allow(
            unsafe_code,
            reason = "other threads may not read the environment meanwhile"
        )]
        // SAFETY: there is no other thread, and this one is here; or the system is Windows, where
        // the environment is behind a lock.
        unsafe {
            std::env::set_var(VARIABLE, "1");
        }
    }
    require_second_order().map_err(|error| match error {
        Error::SecondOrderOff => Error::SecondOrderTooLate,
        other => other,
    })
}

/// Whether this is the only thread of the process, which the system lists as its tasks. Only a thread
/// of the process could start another one.
#[cfg(target_os = "linux")]
fn may_change_environment() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

#[cfg(windows)]
fn may_change_environment() -> bool {
    true
}

#[cfg(not(any(target_os = "linux", windows)))]
fn may_change_environment() -> bool {
    false
}
