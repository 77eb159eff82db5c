//! Tasks on all threads, for work of microseconds.
//!
//! A training step forks and joins dozens of times. Waking a sleeping thread takes 25 to 130 µs on
//! a virtual machine, as long as many of these tasks; so the workers look out for the next one for
//! a while before they sleep, which rayon's do not. Where other programs want the cores too, threads
//! are often not running when they are wanted: nobody waits for a worker that has taken no task, and
//! looking out ends early.

mod round;
mod spin;

use std::{
    cell::Cell,
    panic::resume_unwind,
    sync::{OnceLock, TryLockError},
    thread,
};

use round::Rounds;

/// The number of threads that [`for_each`] uses, this one included: that of rayon's global pool, set
/// by the variable `RAYON_NUM_THREADS`, or one for each core.
pub fn threads() -> usize {
    static THREADS: OnceLock<usize> = OnceLock::new();
    *THREADS.get_or_init(rayon::current_num_threads)
}

/// The most threads that a [`for_each`] called here would use: one within a task.
pub fn available() -> usize {
    match INSIDE.with(Cell::get) {
        true => 1,
        false => threads(),
    }
}

/// Calls `task` with every number below `count` once, on all threads, and returns when all calls
/// have. Which thread makes which call is left open.
///
/// Runs on the calling thread alone if called from within a task, or while another thread has the
/// pool.
///
/// # Panics
/// If a task does, after all others ended.
pub fn for_each(count: usize, task: impl Fn(usize) + Sync) {
    let alone = |task: &dyn Fn(usize)| (0..count).for_each(task);
    if count < 2 || threads() == 1 || isize::try_from(count).is_err() || INSIDE.with(Cell::get) {
        return alone(&task);
    }
    let rounds = rounds();
    let mut caller = match rounds.caller.try_lock() {
        Ok(caller) => caller,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return alone(&task),
    };
    INSIDE.with(|inside| inside.set(true));
    let panicked = rounds.run(&mut caller, count, &task);
    INSIDE.with(|inside| inside.set(false));
    drop(caller);
    if let Err(panic) = panicked {
        resume_unwind(panic);
    }
}

/// The parts of a slice of equal length `size`, but for the last, each handed to one call.
pub fn for_each_part<T: Send>(
    values: &mut [T],
    size: usize,
    task: impl Fn(usize, &mut [T]) + Sync,
) {
    let size = size.max(1);
    let length = values.len();
    let shared = Shared::new(values);
    for_each(length.div_ceil(size), |index| {
        let start = index * size;
        #[allow(unsafe_code, reason = "parts of one slice on several threads")]
        // SAFETY: the ranges of different indices do not overlap, and each index comes up once.
        let part = unsafe { shared.part(start, size.min(length - start)) };
        task(index, part);
    });
}

/// Hands each of `items` to one call of `task`.
pub fn for_each_item<T: Send>(items: Vec<T>, task: impl Fn(T) + Sync) {
    let mut items: Vec<Option<T>> = items.into_iter().map(Some).collect();
    for_each_part(&mut items, 1, |_, item| {
        task(item[0].take().expect("each index comes up once"));
    });
}

/// What `task` returns for each number below `count`, in their order.
pub fn map<R: Send>(count: usize, task: impl Fn(usize) -> R + Sync) -> Vec<R> {
    let mut results: Vec<Option<R>> = Vec::new();
    results.resize_with(count, || None);
    for_each_part(&mut results, 1, |index, place| place[0] = Some(task(index)));
    let results = results.into_iter();
    results
        .map(|result| result.expect("every task ran"))
        .collect()
}

/// A slice that several tasks write to, each to a part of its own.
pub struct Shared<'a, T> {
    values: &'a [std::cell::UnsafeCell<T>],
}

#[allow(unsafe_code, reason = "parts of one slice on several threads")]
// SAFETY: parts are handed out by an unsafe function, whose callers keep them apart.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Takes the slice for as long as tasks may write to it.
    pub fn new(values: &'a mut [T]) -> Self {
        #[allow(unsafe_code, reason = "a slice of cells over a slice of values")]
        // SAFETY: `UnsafeCell<T>` has the layout of `T`, and the slice is borrowed for `'a`.
        let values = unsafe { &*(std::ptr::from_mut(values) as *const [std::cell::UnsafeCell<T>]) };
        Self { values }
    }

    /// Where element `place` lies; one past the end is allowed.
    ///
    /// # Panics
    /// If the slice is shorter.
    pub fn pointer(&self, place: usize) -> *mut T {
        std::cell::UnsafeCell::raw_get(self.values[place..].as_ptr())
    }

    /// The elements `start..start + length`.
    ///
    /// # Panics
    /// If the slice is shorter.
    ///
    /// # Safety
    /// No other part that is alive may have an element in common with this one.
    #[allow(unsafe_code, reason = "parts of one slice on several threads")]
    #[allow(clippy::mut_from_ref, reason = "the caller keeps the parts apart")]
    pub unsafe fn part(&self, start: usize, length: usize) -> &mut [T] {
        let cells = &self.values[start..][..length];
        // SAFETY: in bounds by the line above; apart from all others by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(cells.as_ptr().cast::<T>().cast_mut(), length) }
    }
}

thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });

/// The rounds of this process, with one worker for each thread but the caller's.
fn rounds() -> &'static Rounds {
    static ROUNDS: OnceLock<Rounds> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let rounds = ROUNDS.get_or_init(|| Rounds::new(threads() - 1));
    STARTED.get_or_init(|| {
        for index in 0..threads() - 1 {
            let worker = thread::Builder::new().name(format!("kernel-{index}"));
            let work = move || {
                INSIDE.with(|inside| inside.set(true));
                rounds.work(index);
            };
            // A round needs no worker: where the system has no more threads, there are fewer.
            if let Ok(handle) = worker.spawn(work) {
                rounds.introduce(index, handle.thread().clone());
            }
        }
    });
    rounds
}

#[cfg(test)]
mod tests {
    use std::{
        panic::catch_unwind,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn every_task_runs_once() {
        for count in [0, 1, 2, 3, 100, 1000] {
            let calls: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
            for_each(count, |index| {
                calls[index].fetch_add(1, Ordering::Relaxed);
            });
            assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == 1));
        }
    }

    #[test]
    fn results_come_in_order_also_after_the_workers_slept() {
        for _ in 0..3 {
            assert_eq!(map(50, |index| index * index)[7], 49);
            thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    #[test]
    fn tasks_may_call_the_pool_again() {
        let sums = map(8, |outer| {
            map(8, |inner| outer * inner).into_iter().sum::<usize>()
        });
        assert_eq!(sums[3], 3 * 28);
    }

    #[test]
    fn several_threads_may_call_at_once() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert_eq!(map(10, |index| index).into_iter().sum::<usize>(), 45);
                    }
                });
            }
        });
    }

    #[test]
    fn parts_cover_a_slice() {
        let mut values = vec![0; 1003];
        for_each_part(&mut values, 10, |index, part| part.fill(index));
        assert!(
            values
                .iter()
                .enumerate()
                .all(|(place, index)| place / 10 == *index)
        );
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let caught = catch_unwind(|| for_each(64, |index| assert_ne!(index, 33)));
        assert!(caught.is_err());
        assert_eq!(map(10, |index| index).into_iter().sum::<usize>(), 45);
    }
}
