//! A team of threads that run one closure together.
//!
//! A decoder layer is about five jobs of some ten microseconds, so the hand-over must cost about one:
//! idle threads spin for [`SPIN`] before they park, and nothing is allocated per job. Parking early enough
//! keeps the team correct and quick when it has more threads than there are free cores.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// How long an idle thread spins before it parks.
pub const SPIN: Duration = Duration::from_micros(50);

/// Threads that wait for work; the caller of [`Pool::run`] is one of them.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

type Job = *const (dyn Fn(usize) + Sync);

struct Shared {
    /// Written by the caller while no worker runs, read by workers after they saw `epoch` change.
    job: UnsafeCell<Option<(Job, Thread)>>,
    /// Number of the current job; a change starts it.
    epoch: Signal,
    /// Workers that have not finished the current job.
    pending: Signal,
    /// Tells workers to end.
    closed: AtomicBool,
    /// What the first panicking worker said.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
    /// Whether worker `i` is, or is about to be, parked.
    parked: Vec<Padded<AtomicBool>>,
    /// The same for the caller.
    caller_parked: Padded<AtomicBool>,
}

type Signal = Padded<AtomicUsize>;

/// Keeps a value off its neighbours' cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Padded<T>(T);

// SAFETY: `job` is the only part that is not Sync. It is written only by `run`, which holds `&mut Pool`,
// while `pending` is zero; workers read it between the change of `epoch` and their decrement of `pending`.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is used only while `run`, whose closure it is, waits.
unsafe impl Send for Shared {}

impl Pool {
    /// A team of `threads`, the caller included; at least one.
    pub fn new(threads: usize) -> std::io::Result<Pool> {
        let helpers = threads.max(1) - 1;
        let shared = Arc::new(Shared {
            job: UnsafeCell::new(None),
            epoch: Signal::default(),
            pending: Signal::default(),
            closed: AtomicBool::new(false),
            panic: Mutex::new(None),
            parked: (0..helpers).map(|_| Padded::default()).collect(),
            caller_parked: Padded::default(),
        });
        let mut pool = Pool { shared, workers: Vec::with_capacity(helpers) };
        for index in 0..helpers {
            let shared = pool.shared.clone();
            let thread = std::thread::Builder::new().name(format!("hone-compute-{}", index + 1));
            pool.workers.push(thread.spawn(move || worker(&shared, index))?);
        }
        Ok(pool)
    }

    /// Number of threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Runs `job(thread)` once on every thread and returns when all are done. The caller is thread 0.
    ///
    /// # Panics
    /// When `job` panics on any thread, after all threads have finished.
    pub fn run(&mut self, job: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() {
            return job(0);
        }
        let shared = &*self.shared;
        // SAFETY: erases the lifetime. No worker uses the pointer after `join` below has returned.
        let erased: Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), Job>(job) };
        // SAFETY: no worker reads `job` now: `pending` is zero and `&mut self` excludes another `run`.
        unsafe { *shared.job.get() = Some((erased, std::thread::current())) };
        shared.pending.0.store(self.workers.len(), Relaxed);
        shared.epoch.0.fetch_add(1, SeqCst);
        for (worker, parked) in self.workers.iter().zip(&shared.parked) {
            if parked.0.load(SeqCst) {
                worker.thread().unpark();
            }
        }
        let mine = catch_unwind(AssertUnwindSafe(|| job(0)));
        wait(&shared.caller_parked.0, || shared.pending.0.load(SeqCst) == 0);

        let theirs = shared.panic.lock().unwrap_or_else(|e| e.into_inner()).take();
        if let Some(payload) = mine.err().or(theirs) {
            resume_unwind(payload);
        }
    }

    /// Runs `job(thread, items)` on every thread; together the iterators yield each of `0..count` once.
    /// An idle thread takes the next item, so items may differ in cost.
    ///
    /// # Panics
    /// As [`Pool::run`].
    pub fn share(&mut self, count: usize, job: impl Fn(usize, Items<'_>) + Sync) {
        let next = AtomicUsize::new(0);
        if count <= 1 || self.workers.is_empty() {
            return job(0, Items { next: &next, count });
        }
        let next = Padded(next);
        self.run(&|thread| job(thread, Items { next: &next.0, count }));
    }

    /// [`Pool::share`] for jobs with nothing to set up per thread.
    ///
    /// # Panics
    /// As [`Pool::run`].
    pub fn for_each(&mut self, count: usize, job: impl Fn(usize) + Sync) {
        self.share(count, |_, items| items.for_each(&job));
    }
}

/// The items that one thread of [`Pool::share`] takes.
pub struct Items<'a> {
    next: &'a AtomicUsize,
    count: usize,
}

impl Iterator for Items<'_> {
    type Item = usize;
    fn next(&mut self) -> Option<usize> {
        let item = self.next.fetch_add(1, Relaxed);
        (item < self.count).then_some(item)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.closed.store(true, SeqCst);
        self.shared.epoch.0.fetch_add(1, SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A worker catches the panics of jobs, so it has nothing to report here.
            let _ = worker.join();
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({} threads)", self.threads())
    }
}

fn worker(shared: &Shared, index: usize) {
    let mut seen = 0;
    loop {
        wait(&shared.parked[index].0, || shared.epoch.0.load(SeqCst) != seen);
        if shared.closed.load(SeqCst) {
            return;
        }
        seen += 1; // `run` starts no further job before this one is done
        // SAFETY: `run` wrote the job before it changed `epoch`, and keeps the closure alive and the cell
        // untouched until `pending` is zero, which is after the last use here.
        let (job, caller) = unsafe { (*shared.job.get()).as_ref() }.expect("a job before its epoch");
        let caller = caller.clone();
        // SAFETY: as above.
        let job = unsafe { &**job };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| job(index + 1))) {
            shared.panic.lock().unwrap_or_else(|e| e.into_inner()).get_or_insert(payload);
        }
        if shared.pending.0.fetch_sub(1, SeqCst) == 1 && shared.caller_parked.0.load(SeqCst) {
            caller.unpark();
        }
    }
}

/// Spins, then parks, until `ready`. Whoever makes it ready looks at `parked` afterwards and unparks: with
/// sequentially consistent accesses on both sides one of the two sees the other.
fn wait(parked: &AtomicBool, ready: impl Fn() -> bool) {
    for _ in 0..64 {
        if ready() {
            return;
        }
        std::hint::spin_loop();
    }
    let start = Instant::now();
    while start.elapsed() < SPIN {
        for _ in 0..16 {
            if ready() {
                return;
            }
            std::hint::spin_loop();
        }
    }
    parked.store(true, SeqCst);
    while !ready() {
        std::thread::park();
    }
    parked.store(false, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_runs_each_job_once() {
        for threads in [1, 2, 3, 8] {
            let mut pool = Pool::new(threads).unwrap();
            let counts: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
            for round in 1..=500 {
                pool.run(&|t| {
                    counts[t].fetch_add(1, Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Relaxed) == round));
            }
        }
    }

    #[test]
    fn work_is_found_after_threads_have_parked() {
        let mut pool = Pool::new(3).unwrap();
        let total = AtomicUsize::new(0);
        for _ in 0..20 {
            std::thread::sleep(SPIN * 10);
            pool.run(&|_| {
                total.fetch_add(1, Relaxed);
            });
        }
        assert_eq!(total.into_inner(), 60);
    }

    #[test]
    fn the_caller_waits_for_slow_workers() {
        let mut pool = Pool::new(2).unwrap();
        let done = AtomicBool::new(false);
        pool.run(&|t| {
            if t == 1 {
                std::thread::sleep(SPIN * 40);
                done.store(true, SeqCst);
            }
        });
        assert!(done.into_inner());
    }

    #[test]
    fn every_item_is_taken_once() {
        for threads in [1, 2, 5] {
            let mut pool = Pool::new(threads).unwrap();
            for count in [0, 1, 2, 7, 1000] {
                let taken: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                pool.for_each(count, |i| {
                    taken[i].fetch_add(1, Relaxed);
                });
                assert!(taken.iter().all(|c| c.load(Relaxed) == 1));
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let mut pool = Pool::new(3).unwrap();
        for bad in 0..3 {
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                pool.run(&|t| assert_ne!(t, bad, "thread {bad} fails"));
            }));
            let message = *panicked.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains(&format!("thread {bad} fails")), "{message}");
            let ran = AtomicUsize::new(0);
            pool.run(&|_| {
                ran.fetch_add(1, Relaxed);
            });
            assert_eq!(ran.into_inner(), 3);
        }
    }
}
