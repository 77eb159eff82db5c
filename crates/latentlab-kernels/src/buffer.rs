//! Memory that is not zeroed first.

use std::cell::RefCell;

/// New memory for `count` values, which hold anything.
///
/// Zeroing it first would cost as much as many a kernel. In debug builds it is full of NaN, so
/// that a value that was forgotten shows.
///
/// # Safety
/// The caller writes every value before it, or anybody it hands the vector to, reads it.
#[allow(
    unsafe_code,
    reason = "zeroing memory that is overwritten costs a pass over it"
)]
#[allow(clippy::uninit_vec, reason = "as above")]
pub unsafe fn uninitialised(count: usize) -> Vec<f32> {
    if cfg!(debug_assertions) {
        return vec![f32::NAN; count];
    }
    let mut values = Vec::with_capacity(count);
    // SAFETY: the capacity is there, and the caller writes each value before it is read; the memory
    // is dropped as it is otherwise.
    unsafe { values.set_len(count) };
    values
}

thread_local!(static SCRATCH: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) });

/// Lends `count` values of this thread, whatever they hold, to be overwritten. They are kept for the
/// next call, for as long as the thread lives; calls within `task` get others.
pub(crate) fn with_scratch<R>(count: usize, task: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    if scratch.len() < count {
        scratch = vec![0.0; count];
    }
    let result = task(&mut scratch[..count]);
    SCRATCH.with_borrow_mut(|kept| kept.push(scratch));
    result
}
