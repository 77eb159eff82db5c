//! Rounds of tasks: who takes which task, who waits for whom, and why nobody sees a task too late.
//!
//! One thread at a time, the caller, holds the lock. It writes down the tasks of a round, opens them
//! all, takes tasks itself until none is open, and returns when those that workers have taken are
//! finished. A worker that has taken none is not waited for: it may sleep, or be kept from running by
//! other programs, until long after.
//!
//! **A task is taken by counting down [`open`](Rounds::open)**, the number of tasks that nobody has
//! taken. Whoever finds it above 0 has taken one task of the round that is open *at that moment*,
//! whichever it had been waiting for, and only then looks at what was written down. The number never
//! rises but when a caller opens a round, so one that comes too late finds 0 or less and has nothing.
//!
//! **What is written down is constant as long as anybody may look at it.** It is written by the caller
//! before a round is opened; a thread reads it after taking a task of that round and before it counts
//! that task as finished; and the caller writes again only after all tasks were finished. The order
//! between these is that of the two counters: opening is a `Release` store to `open`, which every
//! taking (an `Acquire` read-modify-write) reads from, directly or through other takings, which belong
//! to its release sequence; finishing is a `Release` read-modify-write of `unfinished`, and the caller
//! reads the 0 that the last of them left, with `Acquire`. By the same order everything that a task
//! wrote is seen by the caller, and the caller's borrow of the task has not ended before.

use std::{
    any::Any,
    cell::UnsafeCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicIsize, AtomicUsize, Ordering},
    },
    thread,
};

use super::spin::SpinLimit;

/// A function of the number of a task.
type Task<'a> = &'a (dyn Fn(usize) + Sync);

/// A cache line of its own, so that the threads do not slow each other down.
#[repr(align(128))]
struct Line<T>(T);

/// The tasks of a round. The pointer outlives what it points to.
#[derive(Clone, Copy)]
struct Job {
    count: usize,
    task: *const (dyn Fn(usize) + Sync),
}

/// The right to run a round.
pub(super) struct Caller(());

/// What callers and workers share.
pub(super) struct Rounds {
    /// Held by the thread whose tasks run.
    pub(super) caller: Mutex<Caller>,
    job: UnsafeCell<Job>,
    /// What a worker looks at while it waits.
    open: Line<Open>,
    /// Tasks of the round that are not known to be finished.
    unfinished: Line<AtomicUsize>,
    end: End,
    workers: Vec<Worker>,
    /// What the first task that panicked on a worker panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    spin_limit: SpinLimit,
}

struct Open {
    /// Tasks that nobody has taken; 0 or less between rounds.
    tasks: AtomicIsize,
    /// Rounds that were opened.
    rounds: AtomicUsize,
}

/// Where a caller sleeps until the end of its round.
struct End {
    awaited: AtomicBool,
    lock: Mutex<()>,
    reached: Condvar,
}

struct Worker {
    parked: AtomicBool,
    thread: OnceLock<thread::Thread>,
}

#[allow(unsafe_code, reason = "what one thread writes down for the others")]
// SAFETY: `job` is the only part that is not `Sync` by itself. It is written by the holder of the
// lock while no task is unfinished, and read by threads that have taken a task which is not finished:
// see the top of this file for why these do not meet. What it points to is `Sync`.
unsafe impl Sync for Rounds {}

#[allow(
    unsafe_code,
    reason = "a pointer to a function that any thread may call"
)]
// SAFETY: the pointer in `job` is the only part that is not `Send` by itself, and is to what is `Sync`.
unsafe impl Send for Rounds {}

impl Rounds {
    /// Rounds without tasks, for so many workers.
    pub(super) fn new(workers: usize) -> Self {
        let worker = |_| Worker {
            parked: AtomicBool::new(false),
            thread: OnceLock::new(),
        };
        Self {
            caller: Mutex::new(Caller(())),
            job: UnsafeCell::new(Job {
                count: 0,
                task: &|_: usize| {},
            }),
            open: Line(Open {
                tasks: AtomicIsize::new(0),
                rounds: AtomicUsize::new(0),
            }),
            unfinished: Line(AtomicUsize::new(0)),
            end: End {
                awaited: AtomicBool::new(false),
                lock: Mutex::new(()),
                reached: Condvar::new(),
            },
            workers: (0..workers).map(worker).collect(),
            panic: Mutex::new(None),
            spin_limit: SpinLimit::new(),
        }
    }

    /// Says which thread is the worker of this index, so that it can be woken.
    pub(super) fn introduce(&self, index: usize, thread: thread::Thread) {
        assert!(
            self.workers[index].thread.set(thread).is_ok(),
            "workers start once"
        );
    }

    /// Calls `task` with every number below `count`, here and on workers, and returns when all calls
    /// have. The error is the panic of the first task that did.
    pub(super) fn run(&self, _: &mut Caller, count: usize, task: Task<'_>) -> thread::Result<()> {
        debug_assert_eq!(self.unfinished.0.load(Ordering::Relaxed), 0);
        #[allow(unsafe_code, reason = "a task is lent to workers that outlive it")]
        // SAFETY: the task is called only by threads that have taken one of this round's tasks and not
        // finished it, and this function returns after all are finished. It does not unwind before:
        // panics of tasks are caught, their payloads are not dropped here, and nothing else panics.
        let task = unsafe { std::mem::transmute::<Task<'_>, *const (dyn Fn(usize) + Sync)>(task) };
        #[allow(unsafe_code, reason = "what one thread writes down for the others")]
        // SAFETY: the lock is held, no task is open, and none is unfinished, so that nobody reads it.
        unsafe {
            *self.job.get() = Job { count, task };
        }
        self.unfinished.0.store(count, Ordering::Relaxed);
        self.open.0.rounds.fetch_add(1, Ordering::Relaxed);
        // A slice cannot have more tasks than fit `isize`. Sequentially consistent, as is the look of
        // a worker that is about to park: one of the two sees what the other wrote.
        self.open.0.tasks.store(count as isize, Ordering::SeqCst);
        self.wake(count - 1);

        let mut first = None;
        let mut finished = 0;
        while let Some(result) = self.take_and_call() {
            if let Err(panic) = result {
                keep_first(&mut first, panic);
            }
            finished += 1;
        }
        if self.unfinished.0.fetch_sub(finished, Ordering::AcqRel) != finished {
            self.wait_for_end();
        }
        if let Some(panic) = lock(&self.panic).take() {
            keep_first(&mut first, panic);
        }
        first.map_or(Ok(()), Err)
    }

    /// What a worker does all its life.
    pub(super) fn work(&self, index: usize) -> ! {
        loop {
            self.wait_for_task(index);
            let mut finished = 0;
            while let Some(result) = self.take_and_call() {
                if let Err(panic) = result {
                    keep_first(&mut lock(&self.panic), panic);
                }
                finished += 1;
            }
            // A panic is kept before its task is finished, so that the caller finds it.
            if finished > 0 {
                self.finish(finished);
            }
        }
    }

    /// Takes a task and calls it, if one is open. It is not finished before the caller of this says so.
    fn take_and_call(&self) -> Option<thread::Result<()>> {
        // A look first: what is closed need not be counted down any further.
        if self.open.0.tasks.load(Ordering::Relaxed) <= 0 {
            return None;
        }
        let left = self.open.0.tasks.fetch_sub(1, Ordering::Acquire);
        if left <= 0 {
            return None;
        }
        #[allow(unsafe_code, reason = "what one thread wrote down for the others")]
        // SAFETY: this thread has taken a task of the open round and not finished it, so that nobody
        // writes, and the caller that lent the function waits.
        let (count, task) = unsafe {
            let Job { count, task } = *self.job.get();
            (count, &*task)
        };
        // The tasks left were `left`, this one included.
        let index = count - left as usize;
        Some(catch_unwind(AssertUnwindSafe(|| task(index))))
    }

    /// Counts tasks of a worker as finished, and wakes the caller after the last of all.
    fn finish(&self, tasks: usize) {
        let last = self.unfinished.0.fetch_sub(tasks, Ordering::SeqCst) == tasks;
        // Either the caller, about to park, sees 0, or this thread sees that it is awaited.
        if last && self.end.awaited.load(Ordering::SeqCst) {
            drop(lock(&self.end.lock));
            self.end.reached.notify_one();
        }
    }

    fn wait_for_end(&self) {
        for _ in 0..self.spin_limit.for_end() {
            if self.unfinished.0.load(Ordering::Acquire) == 0 {
                return;
            }
            std::hint::spin_loop();
        }
        // The worker that has the task is likely not to run: this core is better left to it.
        self.spin_limit.not_running();
        self.end.awaited.store(true, Ordering::SeqCst);
        let mut guard = lock(&self.end.lock);
        while self.unfinished.0.load(Ordering::SeqCst) != 0 {
            let woken = self.end.reached.wait(guard);
            guard = woken.unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.end.awaited.store(false, Ordering::Relaxed);
    }

    /// Returns when tasks are open, or were a moment ago.
    fn wait_for_task(&self, index: usize) {
        let Open { tasks, rounds } = &self.open.0;
        let mut seen = rounds.load(Ordering::Relaxed);
        for _ in 0..self.spin_limit.for_task() {
            if tasks.load(Ordering::Relaxed) > 0 {
                self.spin_limit.in_time();
                return;
            }
            let now = rounds.load(Ordering::Relaxed);
            let passed = now.wrapping_sub(seen);
            seen = now;
            if passed > 1 {
                self.spin_limit.not_running();
                break;
            }
            std::hint::spin_loop();
        }
        let parked = &self.workers[index].parked;
        parked.store(true, Ordering::SeqCst);
        // One that is woken too late for the round looks out for the next.
        while tasks.load(Ordering::SeqCst) <= 0 && rounds.load(Ordering::Relaxed) == seen {
            thread::park();
        }
        parked.store(false, Ordering::Relaxed);
    }

    /// Wakes up to so many of the workers that sleep.
    fn wake(&self, most: usize) {
        let parked = self
            .workers
            .iter()
            .filter(|worker| worker.parked.load(Ordering::SeqCst));
        for worker in parked.take(most) {
            if let Some(thread) = worker.thread.get() {
                thread.unpark();
            }
        }
    }
}

/// What a panic carries.
type Payload = Box<dyn Any + Send>;

/// Keeps the first payload. Dropping another one would run code that may panic itself, so that the
/// memory of those that nobody will ever see is not given back.
fn keep_first(first: &mut Option<Payload>, payload: Payload) {
    match first {
        None => *first = Some(payload),
        Some(_) => std::mem::forget(payload),
    }
}

/// Nothing is left half done under these locks, so that poison means nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier, mpsc},
        time::Duration,
    };

    use super::*;

    /// Rounds with so many workers, each of which begins once the gate is open.
    fn rounds(workers: usize, gate: Option<&'static Barrier>) -> &'static Rounds {
        let rounds: &'static Rounds = Box::leak(Box::new(Rounds::new(workers)));
        for index in 0..workers {
            let worker = thread::spawn(move || {
                if let Some(gate) = gate {
                    gate.wait();
                }
                rounds.work(index)
            });
            rounds.introduce(index, worker.thread().clone());
        }
        rounds
    }

    /// Runs a round and checks that every task was called once before its end, and none after.
    fn check_round(rounds: &Rounds, count: usize, task: impl Fn(usize) + Sync) {
        let calls: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
        let ended = AtomicBool::new(false);
        let counted = |index: usize| {
            assert!(
                !ended.load(Ordering::SeqCst),
                "a task of a round that has ended"
            );
            calls[index].fetch_add(1, Ordering::SeqCst);
            task(index);
        };
        rounds
            .run(&mut lock(&rounds.caller), count, &counted)
            .unwrap();
        ended.store(true, Ordering::SeqCst);
        assert!(calls.iter().all(|calls| calls.load(Ordering::SeqCst) == 1));
    }

    #[test]
    fn a_round_ends_though_no_worker_ever_runs() {
        let gate: &'static Barrier = Box::leak(Box::new(Barrier::new(4)));
        let rounds = rounds(3, Some(gate));
        for count in [2, 3, 100] {
            check_round(rounds, count, |_| {});
        }
        // From here on they run, and take part.
        gate.wait();
        let elsewhere = AtomicBool::new(false);
        let here = thread::current().id();
        while !elsewhere.load(Ordering::SeqCst) {
            check_round(rounds, 8, |_| {
                thread::sleep(Duration::from_millis(1));
                elsewhere.fetch_or(thread::current().id() != here, Ordering::SeqCst);
            });
        }
    }

    /// Many more threads than cores, which give up their time in the middle of tasks, beside others
    /// that never do.
    #[test]
    fn every_task_is_called_once_on_a_machine_with_too_few_cores() {
        struct Busy(Arc<AtomicBool>);
        impl Drop for Busy {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Relaxed);
            }
        }
        let busy = Arc::new(AtomicBool::new(true));
        for _ in 0..4 {
            let busy = busy.clone();
            thread::spawn(move || {
                while busy.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let _until_here = Busy(busy);
        let rounds = rounds(11, None);
        for round in 0..300 {
            check_round(rounds, 2 + round % 7, |index| {
                if (round + index) % 5 == 0 {
                    thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn a_caller_that_sleeps_is_woken_by_the_last_worker() {
        let rounds = rounds(2, None);
        let here = thread::current().id();
        for _ in 0..20 {
            let (taken, wait) = mpsc::channel();
            let (taken, wait) = (Mutex::new(taken), Mutex::new(wait));
            check_round(rounds, 2, |_| match thread::current().id() == here {
                // Not before a worker has the other task, for which the caller then sleeps.
                true => lock(&wait).recv_timeout(Duration::from_secs(60)).unwrap(),
                false => {
                    lock(&taken).send(()).unwrap();
                    thread::sleep(Duration::from_millis(20));
                }
            });
        }
    }

    #[test]
    fn a_panic_ends_the_round_after_all_its_tasks_and_comes_back_as_it_was() {
        let rounds = rounds(3, None);
        for culprit in 0..40 {
            let calls = AtomicUsize::new(0);
            let task = |index: usize| {
                calls.fetch_add(1, Ordering::SeqCst);
                assert!(index % 10 != culprit % 10, "task {}", index % 10);
            };
            let result = rounds.run(&mut lock(&rounds.caller), 40, &task);
            let payload = result.expect_err("four tasks panic");
            let message = payload.downcast_ref::<String>().unwrap();
            assert_eq!(*message, format!("task {}", culprit % 10));
            assert_eq!(calls.load(Ordering::SeqCst), 40);
        }
    }

    /// What a panic carries may panic again when it is dropped.
    #[test]
    fn payloads_that_nobody_sees_are_not_dropped() {
        struct Spiteful;
        impl Drop for Spiteful {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        let rounds = rounds(3, None);
        let task = |_| std::panic::panic_any(Spiteful);
        for _ in 0..10 {
            let result = rounds.run(&mut lock(&rounds.caller), 16, &task);
            std::mem::forget(result.expect_err("all tasks panic"));
        }
    }
}
