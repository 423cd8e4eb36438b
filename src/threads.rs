//! The threads: started when needed, used again, counted.
//!
//! Each connection has a thread to itself. To start one costs more than many a
//! connection does in its whole life, so a thread whose connection has ended waits a
//! few seconds for another. The last to fall asleep is the first to be woken: its stack
//! and caches are still warm, and the others can grow old and leave.
//!
//! Jobs wait in a queue, and a thread that has just done one takes the next without
//! sleeping in between. But no job waits for another to end. As long as there are jobs, a
//! thread is on its way to them: it has been woken, takes one, and wakes the next thread
//! if there are more. Usually it is there at once. When it is not, others have the
//! processor, and each further job wakes a thread too. With 32 clients that connect again
//! and again, that saves a sixth of the processor time of waking a thread for each job.
//!
//! The lock is the standard library's, and that matters here. Whoever finds a lock of
//! `parking_lot` taken yields the processor a few times before it sleeps; when all
//! processors are busy, that lets others run for long. With it, the slowest of a hundred
//! clients took twice as long.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::event::HandlerError;

/// To be idle for a year is to be idle for ever; and no clock ends before that.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 86_400);

/// A thread that has been woken is usually there in a fraction of this.
const LONG: Duration = Duration::from_micros(300);

/// What a thread is given to do: one connection, from beginning to end.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads of one server.
pub(crate) struct Threads {
    pool: Arc<Pool>,
    /// Threads are called `prefix-1`, `prefix-2` and so on.
    prefix: String,
    /// In bytes; `None` is the standard library's choice.
    stack_size: Option<usize>,
    /// How long an idle thread waits for more to do.
    idle_timeout: Duration,
    /// More threads than this would be the end of the process.
    most: usize,
}

/// What the threads share with the one who hands out jobs.
#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    /// Told when a thread ends.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs that wait for a thread: never more than there are idle threads, asleep or
    /// woken.
    jobs: VecDeque<Job>,
    /// The bells of the threads that sleep, the last to fall asleep on top.
    asleep: Vec<Arc<Bell>>,
    /// How many threads have been woken and are on their way.
    woken: usize,
    /// When the first of them was woken.
    woken_at: Option<Instant>,
    /// How many threads there are, idle ones too.
    alive: usize,
    /// Numbers of threads that have ended, to be given out again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    closed: bool,
}

/// Wakes one thread.
#[derive(Default)]
struct Bell {
    /// Whether it has been rung. Changed only under the lock of the pool.
    is_rung: AtomicBool,
    rung: Condvar,
}

impl Threads {
    pub(crate) fn new(
        prefix: String,
        stack_size: Option<usize>,
        idle_timeout: Duration,
    ) -> Self {
        let most = most_threads();
        let idle_timeout = idle_timeout.min(LONGEST_IDLE);
        Self { pool: Arc::default(), prefix, stack_size, idle_timeout, most }
    }

    /// Has `job` done by an idle thread, or by a new one.
    ///
    /// The error is the operating system's, when it has no thread left to give. The
    /// job is dropped then, not run.
    pub(crate) fn run(&self, job: Job) -> io::Result<()> {
        let mut state = self.pool.lock();
        if state.jobs.len() < state.asleep.len() + state.woken {
            state.jobs.push_back(job);
            wake_one(state);
            return Ok(());
        }
        if state.alive >= self.most {
            drop(state);
            let _ = HandlerError::catch(|| drop(job)); // as below
            let message = format!("no memory maps for more than {} threads", self.most);
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
        }
        state.alive += 1;
        let number = state.free_numbers.pop().unwrap_or(state.alive);
        drop(state);

        let pool = Arc::clone(&self.pool);
        let worker = Worker { pool, number, bell: Arc::default() };
        let idle_timeout = self.idle_timeout;
        let mut builder =
            thread::Builder::new().name(format!("{}-{number}", self.prefix));
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        // `thread::spawn` would panic where this returns an error. Then the worker is
        // dropped, and so off the books again; and the job, which is not ours alone and
        // may panic at that.
        let work = move || worker.work(job, idle_timeout);
        let spawned = HandlerError::catch(|| builder.spawn(work).map(drop));
        spawned.unwrap_or_else(|error| Err(error.into()))
    }

    /// What the threads' names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many threads there are, idle ones too.
    pub(crate) fn alive(&self) -> usize {
        self.pool.lock().alive
    }

    /// Sends idle threads home, and the others as soon as they have done their job.
    /// Waits for them until `until`.
    pub(crate) fn close(&self, until: Instant) {
        let mut state = self.pool.lock();
        state.closed = true;
        for bell in mem::take(&mut state.asleep) {
            state.woken += 1;
            bell.is_rung.store(true, Ordering::Relaxed);
            bell.rung.notify_one();
        }
        while state.alive > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = unpoisoned(self.pool.ended.wait_timeout(state, left)).0;
        }
    }
}

/// How many threads the system has memory maps for: some 16,000 on Linux, unless it has
/// been told to have more (`vm.max_map_count`).
///
/// A thread takes four: its stack, a stack for signals, and a guard page for each. When
/// there are none left for a thread that has begun already, the standard library aborts
/// the process (rust-lang/rust#78497). So stop before that, and leave some for others.
fn most_threads() -> usize {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let maps = text.trim().parse::<usize>();
    maps.map_or(usize::MAX, |maps| maps / 4 - maps / 256)
}

impl Drop for Threads {
    /// Nobody can hand out another job: those who wait for one may go.
    fn drop(&mut self) {
        self.close(Instant::now());
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.state.lock())
    }
}

/// What a lock guards, even if somebody panicked while he held it: nothing that could
/// panic leaves it half changed.
fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a thread if there are jobs and nobody is on the way to them, or takes long.
/// Unlocks first: the woken thread should not have to wait for us.
fn wake_one(mut state: MutexGuard<'_, State>) {
    if state.jobs.len() <= state.woken {
        return;
    }
    if state.woken == 0 {
        state.woken_at = Some(Instant::now());
    } else if state.woken_at.is_some_and(|woken_at| woken_at.elapsed() < LONG) {
        return;
    }
    let Some(bell) = state.asleep.pop() else { return };
    state.woken += 1;
    bell.is_rung.store(true, Ordering::Relaxed);
    drop(state);
    bell.rung.notify_one();
}

/// The thread's own end of it. Dropping it takes the thread off the books, whatever
/// ended it.
struct Worker {
    pool: Arc<Pool>,
    number: usize,
    /// Wakes this thread.
    bell: Arc<Bell>,
}

impl Worker {
    /// The life of a thread: a job, then whatever comes while it is idle.
    fn work(self, first: Job, idle_timeout: Duration) {
        first();
        while let Some(job) = self.next_job(idle_timeout) {
            job();
        }
    }

    /// Waits for the next job; `None` when there will be none, or it has waited enough.
    fn next_job(&self, idle_timeout: Duration) -> Option<Job> {
        let mut state = self.pool.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                wake_one(state);
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.sleep(state, idle_timeout)?;
        }
    }

    /// Sleeps until it is woken; `None` when nobody has done so in time.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
        idle_timeout: Duration,
    ) -> Option<MutexGuard<'a, State>> {
        let Bell { is_rung, rung } = &*self.bell;
        let is_asleep = |_: &mut State| !is_rung.load(Ordering::Relaxed);
        state.asleep.push(Arc::clone(&self.bell));
        let slept = rung.wait_timeout_while(state, idle_timeout, is_asleep);
        state = unpoisoned(slept).0;
        if is_rung.swap(false, Ordering::Relaxed) {
            state.woken -= 1;
            return Some(state);
        }
        state.asleep.retain(|bell| !Arc::ptr_eq(bell, &self.bell));
        // A job that was counted on this thread would have to wait for another.
        if state.jobs.is_empty() { None } else { Some(state) }
    }
}

/// The thread has ended, or was never born.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.alive -= 1;
        state.free_numbers.push(self.number);
        self.pool.ended.notify_all();
    }
}
