//! The threads: started when needed, reused, counted, and waited for at the end. The usual
//! name for this is a *cached thread pool*.
//!
//! Each connection has a thread to itself. Starting a thread costs more than the whole of a
//! short connection, so a thread whose connection has ended waits a few seconds for
//! another one. The thread that fell asleep last is woken first: its stack and caches are
//! still warm, and the others can time out and end.
//!
//! Jobs wait in a queue, and a thread that has just done one takes the next without
//! sleeping in between. But no job waits for another one to end:
//!
//! - As long as there are jobs, a thread is on its way to them. It takes one, and wakes
//!   the next thread if there are more.
//! - Usually it gets there at once. If it doesn't, the processors are busy, and then each
//!   further job wakes a thread too.
//!
//! With 32 clients that connect again and again, this takes a sixth less processor time
//! than waking a thread for each job.
//!
//! The lock is the standard library's, and that matters here: a thread that finds a
//! `parking_lot` lock taken yields the processor a few times before it sleeps. If all
//! processors are busy, other threads run for a long time then, and the slowest of a hundred
//! clients took twice as long.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::HandlerError;

/// The longest idle time: a year is as good as forever, and every clock can count it.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 86_400);

/// A woken thread usually gets to the queue in a fraction of this.
const USUAL_WAY: Duration = Duration::from_micros(300);

/// The work of one thread: one connection, from beginning to end.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads of one server.
pub(crate) struct Threads {
    pool: Arc<Pool>,
    /// Threads are called `prefix-1`, `prefix-2` and so on.
    prefix: String,
    /// In bytes; `None` is the standard library's default.
    stack_size: Option<usize>,
    /// How long an idle thread waits for more to do.
    idle_timeout: Duration,
    /// With more threads than this, the process might be aborted.
    max: usize,
}

/// What the threads share with the one that hands out jobs.
#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    /// Notified when the last thread has ended.
    ended: Condvar,
    /// A thread can lock `state` while it holds this lock, but never the other way round: a
    /// thread that ends needs both.
    handles: Mutex<Handles>,
}

#[derive(Default)]
struct State {
    /// Jobs that wait for a thread: never more than there are idle threads, asleep or
    /// woken up.
    jobs: VecDeque<Job>,
    /// The parkers of the threads that sleep, the last to fall asleep on top.
    asleep: Vec<Arc<Parker>>,
    /// How many threads have been woken and are on their way.
    woken: usize,
    /// When the first of those on their way was woken, or a later one arrived.
    woken_at: Option<Instant>,
    /// How many threads there are, including idle ones.
    alive: usize,
    /// Numbers of ended threads, to be used again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    is_closed: bool,
}

/// Lets one thread sleep, and wakes it.
#[derive(Default)]
struct Parker {
    /// Whether it has been told to wake. Changed only under the lock of the pool's state.
    /// The lock orders the changes, so `Relaxed` is enough.
    is_told: AtomicBool,
    told: Condvar,
}

/// The threads themselves, to be waited for.
#[derive(Default)]
struct Handles {
    /// The handles of the threads that run, by number.
    running: HashMap<usize, JoinHandle<()>>,
    /// The numbers of threads that ended before their handles got into `running`.
    early: HashSet<usize>,
    /// The handles of the threads that ended last. Their work is done, but the system might
    /// still be cleaning up after them.
    ended: VecDeque<JoinHandle<()>>,
}

impl Handles {
    /// How many ended threads are remembered. A thread that ended before this many others
    /// is surely gone, and remembering it would keep its stack allocated.
    const REMEMBERED: usize = 16;
}

impl Threads {
    pub(crate) fn new(
        prefix: String,
        stack_size: Option<usize>,
        idle_timeout: Duration,
    ) -> Self {
        let max = max_threads();
        let idle_timeout = idle_timeout.min(LONGEST_IDLE);
        Self { pool: Arc::default(), prefix, stack_size, idle_timeout, max }
    }

    /// Gives `job` to an idle thread, or to a new one. Only the serving thread calls this.
    ///
    /// Fails if the operating system has no thread left. Then the job is dropped, not run.
    pub(crate) fn run(&self, job: Job) -> io::Result<()> {
        let mut state = self.pool.lock();
        if state.jobs.len() < state.asleep.len() + state.woken {
            state.jobs.push_back(job);
            wake_one(state);
            return Ok(());
        }
        if state.alive >= self.max {
            drop(state);
            let _ = HandlerError::catch(|| drop(job)); // as below
            let message = format!("no memory maps for more than {} threads", self.max);
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, message));
        }
        // Counted before it exists, so that `close` can't miss it.
        state.alive += 1;
        let number = state.free_numbers.pop().unwrap_or(state.alive);
        drop(state);

        let worker = Worker {
            pool: Arc::clone(&self.pool),
            number,
            parker: Arc::default(),
            idle_timeout: self.idle_timeout,
        };
        let mut builder =
            thread::Builder::new().name(format!("{}-{number}", self.prefix));
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        // `thread::spawn` would panic where this returns an error. After an error, worker
        // and job are dropped here. The worker's drop uncounts it. The job contains a
        // handler, whose drop can panic.
        let work = move || worker.work(job);
        let spawned = HandlerError::catch(|| builder.spawn(work));
        let handle = spawned.unwrap_or_else(|error| Err(error.into()))?;
        let mut handles = unpoisoned(self.pool.handles.lock());
        if handles.early.remove(&number) {
            handles.ended.push_back(handle); // the thread was faster than we are
        } else {
            handles.running.insert(number, handle);
        }
        Ok(())
    }

    /// The beginning of the threads' names.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many threads there are, including idle ones.
    pub(crate) fn alive(&self) -> usize {
        self.pool.lock().alive
    }

    /// There will be no more jobs: ends idle threads, and the others as soon as they have
    /// done their job.
    pub(crate) fn dismiss(&self) {
        drop(self.pool.close());
    }

    /// The same, and waits for the threads until `until`. Waits for threads that have nothing
    /// left to do until they are gone.
    pub(crate) fn close(&self, until: Option<Instant>) {
        let mut state = self.pool.close();
        while state.alive > 0 {
            let left = until.map_or(LONGEST_IDLE, |until| {
                until.saturating_duration_since(Instant::now())
            });
            if left.is_zero() {
                break;
            }
            state = unpoisoned(self.pool.ended.wait_timeout(state, left)).0;
        }
        drop(state);
        // They don't count as alive any more, but their thread-local values might be dropped
        // at this very moment.
        let ended = mem::take(&mut unpoisoned(self.pool.handles.lock()).ended);
        for handle in ended {
            let _ = handle.join(); // its panic has been reported by the standard library
        }
    }
}

/// How many threads the system has memory maps for: about 16,000 on Linux, unless somebody
/// raised the limit (`vm.max_map_count`).
///
/// A thread takes four maps: its stack, a stack for signals, and a guard page for each. If
/// none are left for a thread that has begun already, the standard library aborts the
/// process (rust-lang/rust#78497). So we stop before that, and leave some for others.
fn max_threads() -> usize {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let maps = text.trim().parse::<usize>();
    maps.map_or(usize::MAX, |maps| maps / 4 - maps / 256)
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.dismiss();
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.state.lock())
    }

    /// Wakes all threads that sleep: there will be no more jobs.
    fn close(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        state.is_closed = true;
        for parker in mem::take(&mut state.asleep) {
            state.woken += 1;
            parker.is_told.store(true, Ordering::Relaxed);
            parker.told.notify_one();
        }
        state
    }
}

/// What a lock or a wait returns, even if a thread panicked while it held the lock: no code
/// that could panic leaves the state half changed.
fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a thread if there are jobs, and no thread is on its way to them or it takes long.
fn wake_one(mut state: MutexGuard<'_, State>) {
    if state.jobs.len() <= state.woken {
        return; // a thread is on its way to each job
    }
    if state.woken == 0 {
        state.woken_at = Some(Instant::now());
    } else if state.woken_at.is_some_and(|woken_at| woken_at.elapsed() < USUAL_WAY) {
        return; // the thread on its way will wake the next one
    }
    let Some(parker) = state.asleep.pop() else { return };
    state.woken += 1;
    parker.is_told.store(true, Ordering::Relaxed);
    // Unlocked first, so that the woken thread doesn't have to wait for us.
    drop(state);
    parker.told.notify_one();
}

/// The thread's own part. Dropping it uncounts the thread, however it ended.
struct Worker {
    pool: Arc<Pool>,
    number: usize,
    /// Wakes this thread.
    parker: Arc<Parker>,
    idle_timeout: Duration,
}

impl Worker {
    /// The life of a thread: a job, and then every job that comes while it is idle.
    fn work(self, first: Job) {
        first();
        while let Some(job) = self.next_job() {
            job();
        }
        // Before the thread counts as ended, so that `close` finds its handle.
        let mut handles = unpoisoned(self.pool.handles.lock());
        match handles.running.remove(&self.number) {
            Some(handle) => handles.ended.push_back(handle),
            None => drop(handles.early.insert(self.number)), // see `run`
        }
        // At the end of the server all of them are remembered, so that `close` can wait.
        if handles.ended.len() > Handles::REMEMBERED && !self.pool.lock().is_closed {
            handles.ended.pop_front();
        }
    }

    /// Waits for the next job; `None` if there will be none, or the idle time is over.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.pool.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                wake_one(state);
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state = self.sleep(state)?;
        }
    }

    /// Sleeps until it is woken; `None` if that didn't happen in time.
    fn sleep<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
    ) -> Option<MutexGuard<'a, State>> {
        let Parker { is_told, told } = &*self.parker;
        let is_asleep = |_: &mut State| !is_told.load(Ordering::Relaxed);
        state.asleep.push(Arc::clone(&self.parker));
        let slept = told.wait_timeout_while(state, self.idle_timeout, is_asleep);
        state = unpoisoned(slept).0;
        if is_told.swap(false, Ordering::Relaxed) {
            state.woken -= 1; // we are there, and no longer on our way
            return Some(state);
        }
        state.asleep.retain(|parker| !Arc::ptr_eq(parker, &self.parker));
        // A job that waits now might have been queued for this thread: don't leave it.
        if state.jobs.is_empty() { None } else { Some(state) }
    }
}

/// The thread has ended, or could not be started.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.alive -= 1;
        state.free_numbers.push(self.number);
        if state.alive == 0 {
            self.pool.ended.notify_all();
        }
    }
}
