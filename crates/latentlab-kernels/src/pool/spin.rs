//! How many times a thread spins on what it waits for before it parks.
//!
//! Spinning costs nothing on a core that nobody else wants, and parking costs the time to be woken.
//! Where more threads want to run than there are cores it is the other way round: a thread that spins
//! takes the time of one that works, perhaps of the very one that it waits for. No clock is needed to
//! tell the two apart: a thread between whose two spins, some dozens of nanoseconds apart, whole
//! rounds of tasks have passed was not running.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Spins without a result before a thread parks, where all threads have a core to themselves: one to
/// three milliseconds, for which a processor's pause between two spins is 20 to 60 ns.
const MOST: usize = 50_000;

/// The same where they have not: less than it takes to be woken.
const LEAST: usize = 500;

/// Spins for the end of a task that another thread is at, whatever else: it has begun, and is most
/// likely to end within the time of a task.
const LEAST_FOR_END: usize = 5_000;

/// The limit of all threads of a pool.
pub(super) struct SpinLimit {
    spins: AtomicUsize,
}

impl SpinLimit {
    pub(super) const fn new() -> Self {
        Self {
            spins: AtomicUsize::new(MOST),
        }
    }

    /// Spins for a new task before parking.
    pub(super) fn for_task(&self) -> usize {
        self.spins.load(Ordering::Relaxed)
    }

    /// Spins for the end of tasks before parking.
    pub(super) fn for_end(&self) -> usize {
        self.for_task().max(LEAST_FOR_END)
    }

    /// A thread that spun was not running meanwhile. One such event, which any other program can
    /// cause now and then, leaves more than any wait within a step takes; one in each time slice does
    /// not.
    pub(super) fn not_running(&self) {
        self.spins
            .store((self.for_task() / 4).max(LEAST), Ordering::Relaxed);
    }

    /// A thread that spun found a task in time. It takes some 180 such to make up for one event.
    pub(super) fn in_time(&self) {
        let spins = self.for_task();
        if spins < MOST {
            // Threads may overwrite each other's change: it is a rule of thumb.
            self.spins
                .store((spins + spins / 128).min(MOST), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spinning_ends_early_where_threads_do_not_run_and_comes_back() {
        let spin_limit = SpinLimit::new();
        assert_eq!(spin_limit.for_task(), MOST);
        for _ in 0..10 {
            spin_limit.not_running();
            (0..20).for_each(|_| spin_limit.in_time());
        }
        assert!(
            spin_limit.for_task() < 2 * LEAST,
            "{}",
            spin_limit.for_task()
        );
        assert_eq!(spin_limit.for_end(), LEAST_FOR_END);
        (0..1000).for_each(|_| spin_limit.in_time());
        assert_eq!((spin_limit.for_task(), spin_limit.for_end()), (MOST, MOST));
    }

    #[test]
    fn one_event_in_a_second_of_rounds_costs_little() {
        let spin_limit = SpinLimit::new();
        spin_limit.not_running();
        assert!(spin_limit.for_task() >= MOST / 4);
        (0..200).for_each(|_| spin_limit.in_time());
        assert_eq!(spin_limit.for_task(), MOST);
    }
}
