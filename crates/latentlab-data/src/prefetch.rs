//! Work done ahead by threads, taken in order.

use std::{
    io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

/// How many results each thread keeps ready.
const READY: usize = 2;

/// The results of a function at `first`, `first + 1`, …, computed ahead by threads.
///
/// Of W threads, thread w computes every W-th result from `first + w` on and sends them through a
/// channel of its own, so that taking from the channels in turn restores the order. The threads end
/// when this is dropped: their channel is then closed.
pub(crate) struct Prefetch<T> {
    next: u64,
    turn: usize,
    results: Vec<Receiver<T>>,
    threads: Vec<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Starts `workers` > 0 threads, each with a clone of `compute`.
    pub fn start(
        first: u64,
        workers: usize,
        compute: impl FnMut(u64) -> T + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let mut prefetch = Self {
            next: first,
            turn: 0,
            results: vec![],
            threads: vec![],
        };
        for worker in 0..workers as u64 {
            let (sender, receiver) = sync_channel(READY);
            let compute = compute.clone();
            let work = move || run(first.checked_add(worker), workers as u64, compute, sender);
            let thread = thread::Builder::new()
                .name(format!("data-{worker}"))
                .spawn(work)?;
            prefetch.results.push(receiver);
            prefetch.threads.push(thread);
        }
        Ok(prefetch)
    }

    /// The index of the result that is taken next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The next result, or nothing if its thread has ended: it panicked or ran out of indices.
    pub fn take(&mut self) -> Option<T> {
        let result = self.results[self.turn].recv().ok()?;
        self.next = self.next.wrapping_add(1);
        self.turn = (self.turn + 1) % self.results.len();
        Some(result)
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        self.results.clear();
        for thread in self.threads.drain(..) {
            // A panic of the thread has already been seen as a missing result.
            let _ = thread.join();
        }
    }
}

fn run<T>(
    mut index: Option<u64>,
    stride: u64,
    mut compute: impl FnMut(u64) -> T,
    sender: SyncSender<T>,
) {
    while let Some(current) = index {
        if sender.send(compute(current)).is_err() {
            return;
        }
        index = current.checked_add(stride);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for workers in 1..5 {
            let mut squares = Prefetch::start(10, workers, |n| n * n).unwrap();
            for n in 10..60 {
                assert_eq!((squares.next(), squares.take()), (n, Some(n * n)));
            }
        }
    }

    #[test]
    fn a_thread_that_panics_is_noticed() {
        let mut prefetch = Prefetch::start(0, 2, |n| assert!(n != 3, "as it should")).unwrap();
        assert_eq!((0..3).filter_map(|_| prefetch.take()).count(), 3);
        assert_eq!(prefetch.take(), None);
    }

    #[test]
    fn dropping_ends_the_threads() {
        let held = Arc::new(());
        let shared = held.clone();
        let prefetch = Prefetch::start(0, 3, move |n| (n, shared.clone())).unwrap();
        assert!(Arc::strong_count(&held) > 1);
        drop(prefetch);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn the_last_index_is_the_end() {
        let mut prefetch = Prefetch::start(u64::MAX, 2, |n| n).unwrap();
        assert_eq!((prefetch.take(), prefetch.take()), (Some(u64::MAX), None));
    }
}
