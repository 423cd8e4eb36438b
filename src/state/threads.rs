//! The threads: started when needed, reused, counted, and waited for at the end. Others
//! call it a *cached thread pool*.
//!
//! Each connection has a thread to itself. Starting one costs more than many a connection
//! does in its whole life, so a thread whose connection has ended waits a few seconds for
//! another. The last to fall asleep is the first to be woken: its stack and caches are
//! still warm, and the others can time out and end.
//!
//! Jobs wait in a queue, and a thread that has just done one takes the next without
//! sleeping in between. But no job waits for another to end:
//!
//! - As long as there are jobs, a thread is on its way to them. It takes one, and wakes
//!   the next thread if there are more.
//! - Usually it is there at once. If it isn't, the processors are busy, and each further
//!   job wakes a thread too.
//!
//! With 32 clients that connect again and again, that saves a sixth of the processor time
//! of waking a thread for each job.
//!
//! The lock is the standard library's, and that matters here: a thread that finds a lock
//! of `parking_lot` taken yields the processor a few times before it sleeps. When all
//! processors are busy, others run for long meanwhile, and the slowest of a hundred
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

/// A thread that is idle for a year is idle for good, and no clock ends before that.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 86_400);

/// A thread that has been woken is usually there in a fraction of this.
const USUAL_WAY: Duration = Duration::from_micros(300);

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
    max: usize,
}

/// What the threads share with the one that hands out jobs.
#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    /// Notified when a thread ends.
    ended: Condvar,
    /// `state` may be locked while this is, but not the other way round: whoever ends looks
    /// into both.
    handles: Mutex<Handles>,
}

#[derive(Default)]
struct State {
    /// Jobs that wait for a thread: never more than there are idle threads, asleep or
    /// woken.
    jobs: VecDeque<Job>,
    /// The parkers of the threads that sleep, the last to fall asleep on top.
    asleep: Vec<Arc<Parker>>,
    /// How many threads have been woken and are on their way.
    woken: usize,
    /// When the first of those on their way was woken, or one that has come meanwhile.
    woken_at: Option<Instant>,
    /// How many threads there are, idle ones too.
    alive: usize,
    /// Numbers of threads that have ended, to be given out again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    is_closed: bool,
}

/// Lets one thread sleep, and wakes it.
#[derive(Default)]
struct Parker {
    /// Whether it has been told to wake. Changed only under the lock of the pool's state,
    /// which is what orders it: `Relaxed` is enough.
    is_told: AtomicBool,
    told: Condvar,
}

/// The threads themselves, to be waited for.
#[derive(Default)]
struct Handles {
    /// Those of the threads that run, by number.
    running: HashMap<usize, JoinHandle<()>>,
    /// The numbers of threads that ended before their handles were in `running`.
    early: HashSet<usize>,
    /// Those of the last threads to end. Their work is done, but the system may still be
    /// taking them down.
    ended: VecDeque<JoinHandle<()>>,
}

impl Handles {
    /// How many ended threads are remembered. A thread that ended before so many others
    /// is gone, and remembering it would cost its stack.
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

    /// Has `job` done by an idle thread, or by a new one. Only the serving thread calls
    /// this.
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
        // `thread::spawn` would panic where this returns an error. Then worker and job
        // are dropped here: the worker counts itself off; the job isn't ours alone, and
        // may panic at that.
        let work = move || worker.work(job);
        let spawned = HandlerError::catch(|| builder.spawn(work));
        let handle = spawned.unwrap_or_else(|error| Err(error.into()))?;
        let mut handles = unpoisoned(self.pool.handles.lock());
        if handles.early.remove(&number) {
            handles.ended.push_back(handle); // it was faster than we are
        } else {
            handles.running.insert(number, handle);
        }
        Ok(())
    }

    /// What the threads' names begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// How many threads there are, idle ones too.
    pub(crate) fn alive(&self) -> usize {
        self.pool.lock().alive
    }

    /// Ends idle threads, and the others as soon as they have done their job. Waits for
    /// them until `until`; for those that have nothing left to do, to the very end.
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
        // They don't count as alive any more, but what is thread-local to them may be
        // dropped this very moment.
        let ended = mem::take(&mut unpoisoned(self.pool.handles.lock()).ended);
        for handle in ended {
            let _ = handle.join(); // its panic has been reported by the standard library
        }
    }
}

/// How many threads the system has memory maps for: some 16,000 on Linux, unless it has
/// been told to have more (`vm.max_map_count`).
///
/// A thread takes four: its stack, a stack for signals, and a guard page for each. When
/// there are none left for a thread that has begun already, the standard library aborts
/// the process (rust-lang/rust#78497). So stop before that, and leave some for others.
fn max_threads() -> usize {
    let text = fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    let maps = text.trim().parse::<usize>();
    maps.map_or(usize::MAX, |maps| maps / 4 - maps / 256)
}

impl Drop for Threads {
    /// Nobody can hand out another job: the threads that wait for one may end.
    fn drop(&mut self) {
        drop(self.pool.close());
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.state.lock())
    }

    /// Wakes all threads that sleep: there is nothing more to wait for.
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

/// What a lock guards, even if a thread panicked while it held the lock: nothing that
/// could panic leaves it half changed.
fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

/// Wakes a thread if there are jobs and none is on its way to them, or takes long.
fn wake_one(mut state: MutexGuard<'_, State>) {
    if state.jobs.len() <= state.woken {
        return; // there is a thread for each job
    }
    if state.woken == 0 {
        state.woken_at = Some(Instant::now());
    } else if state.woken_at.is_some_and(|woken_at| woken_at.elapsed() < USUAL_WAY) {
        return; // the one on its way will wake the next
    }
    let Some(parker) = state.asleep.pop() else { return };
    state.woken += 1;
    parker.is_told.store(true, Ordering::Relaxed);
    // Unlocked first: the woken thread should not have to wait for us.
    drop(state);
    parker.told.notify_one();
}

/// The thread's own end of it. Dropping it counts the thread off, whatever ended it.
struct Worker {
    pool: Arc<Pool>,
    number: usize,
    /// Wakes this thread.
    parker: Arc<Parker>,
    idle_timeout: Duration,
}

impl Worker {
    /// The life of a thread: a job, then whatever comes while it is idle.
    fn work(self, first: Job) {
        first();
        while let Some(job) = self.next_job() {
            job();
        }
        // Before it counts as ended, so that who waits for the end finds the handle.
        let mut handles = unpoisoned(self.pool.handles.lock());
        match handles.running.remove(&self.number) {
            Some(handle) => handles.ended.push_back(handle),
            None => drop(handles.early.insert(self.number)), // see `run`
        }
        // At the end of the server they are all remembered, for `close` to wait for.
        if handles.ended.len() > Handles::REMEMBERED && !self.pool.lock().is_closed {
            handles.ended.pop_front();
        }
    }

    /// Waits for the next job; `None` when there will be none, or it has waited enough.
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

    /// Sleeps until it is woken; `None` when nobody has done so in time.
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
            state.woken -= 1; // we were on our way, and are there
            return Some(state);
        }
        state.asleep.retain(|parker| !Arc::ptr_eq(parker, &self.parker));
        // A job that was counted on this thread would have to wait for another.
        if state.jobs.is_empty() { None } else { Some(state) }
    }
}

/// The thread has ended, or could not be started.
impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.alive -= 1;
        state.free_numbers.push(self.number);
        self.pool.ended.notify_all();
    }
}
