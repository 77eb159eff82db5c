//! How long a thread looks out for something before it sleeps.
//!
//! Looking costs nothing on a core that nobody else wants, and sleeping costs the time to be woken.
//! Where more threads want to run than there are cores it is the other way round: a thread that looks
//! takes the time of one that works, perhaps of the very one that it waits for. No clock is needed to
//! tell the two apart: a thread between whose two looks, some dozens of nanoseconds apart, whole
//! rounds of tasks have passed was not running.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Looks without a result before a thread sleeps, where all threads have a core to themselves: one to
/// three milliseconds, for which a processor's pause between two looks is 20 to 60 ns.
const MOST: usize = 50_000;

/// The same where they have not: less than it takes to be woken.
const LEAST: usize = 500;

/// Looks for the end of a task that another thread is at, whatever else: it has begun, and is most
/// likely to end within the time of a task.
const LEAST_FOR_END: usize = 5_000;

/// The patience of all threads of a pool.
pub(super) struct Patience {
    looks: AtomicUsize,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self {
            looks: AtomicUsize::new(MOST),
        }
    }

    /// Looks for a new task before sleeping.
    pub(super) fn for_task(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }

    /// Looks for the end of tasks before sleeping.
    pub(super) fn for_end(&self) -> usize {
        self.for_task().max(LEAST_FOR_END)
    }

    /// A thread that looked was not running meanwhile. One such event, which any other program can
    /// cause now and then, leaves more than any wait within a step takes; one in each time slice does
    /// not.
    pub(super) fn not_running(&self) {
        self.looks
            .store((self.for_task() / 4).max(LEAST), Ordering::Relaxed);
    }

    /// A thread that looked found a task in time. It takes some 180 such to make up for one event.
    pub(super) fn in_time(&self) {
        let looks = self.for_task();
        if looks < MOST {
            // Threads may overwrite each other's change: it is a rule of thumb.
            self.looks
                .store((looks + looks / 128).min(MOST), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_where_threads_do_not_run_and_comes_back() {
        let patience = Patience::new();
        assert_eq!(patience.for_task(), MOST);
        for _ in 0..10 {
            patience.not_running();
            (0..20).for_each(|_| patience.in_time());
        }
        assert!(patience.for_task() < 2 * LEAST, "{}", patience.for_task());
        assert_eq!(patience.for_end(), LEAST_FOR_END);
        (0..1000).for_each(|_| patience.in_time());
        assert_eq!((patience.for_task(), patience.for_end()), (MOST, MOST));
    }

    #[test]
    fn one_event_in_a_second_of_rounds_costs_little() {
        let patience = Patience::new();
        patience.not_running();
        assert!(patience.for_task() >= MOST / 4);
        (0..200).for_each(|_| patience.in_time());
        assert_eq!(patience.for_task(), MOST);
    }
}
