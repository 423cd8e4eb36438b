//! The threads: started when needed, used again, counted.
//!
//! Each connection has a thread to itself. To start one costs more than many a
//! connection does in its whole life, so a thread whose connection has ended waits a
//! few seconds for another. The last to finish is the first to be used again: its stack
//! and caches are still warm, and the others can grow old and leave.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::event::HandlerError;

/// To be idle for a year is to be idle for ever; and no clock ends before that.
const LONGEST_IDLE: Duration = Duration::from_secs(365 * 86_400);

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

/// As long as there are jobs, a thread is on its way to them: it has been woken, takes
/// one, and wakes the next thread if there are more. A thread that has just done its job
/// may be faster. Then it need not sleep, and the other goes back to sleep. With 32
/// clients that connect again and again, that saves half of all sleeping and waking.
#[derive(Default)]
struct State {
    /// Jobs that wait for a thread. They never wait for another job to end: there are
    /// at least as many idle threads, asleep or woken.
    jobs: VecDeque<Job>,
    /// The bells of the threads that sleep, the last to finish on top.
    asleep: Vec<Bell>,
    /// How many threads have been woken and are on their way.
    woken: usize,
    /// How many threads there are, idle ones too.
    alive: usize,
    /// Numbers of threads that have ended, to be given out again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    closed: bool,
}

/// Wakes one thread.
type Bell = Arc<Condvar>;

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
        let mut state = self.pool.state.lock();
        if state.jobs.len() < state.asleep.len() + state.woken {
            state.jobs.push_back(job);
            if state.woken == 0 {
                state.wake_one();
            }
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
        let worker = Worker { pool, number, bell: Bell::default() };
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
        self.pool.state.lock().alive
    }

    /// Sends idle threads home, and the others as soon as they have done their job.
    /// Waits for them until `until`.
    pub(crate) fn close(&self, until: Instant) {
        let mut state = self.pool.state.lock();
        state.closed = true;
        while state.wake_one() {}
        while state.alive > 0
            && !self.pool.ended.wait_until(&mut state, until).timed_out()
        {}
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

impl State {
    /// Wakes the thread that has slept least; says whether there was one.
    fn wake_one(&mut self) -> bool {
        let Some(bell) = self.asleep.pop() else { return false };
        self.woken += 1;
        bell.notify_one();
        true
    }
}

/// The thread's own end of it. Dropping it takes the thread off the books, whatever
/// ended it.
struct Worker {
    pool: Arc<Pool>,
    number: usize,
    /// Wakes this thread.
    bell: Bell,
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
        let mut state = self.pool.state.lock();
        if let Some(job) = state.jobs.pop_front() {
            return Some(job);
        }
        let until = Instant::now() + idle_timeout;
        while !state.closed {
            state.asleep.push(Arc::clone(&self.bell));
            let is_late = self.bell.wait_until(&mut state, until).timed_out();
            let place =
                state.asleep.iter().position(|bell| Arc::ptr_eq(bell, &self.bell));
            match place {
                Some(place) => drop(state.asleep.remove(place)), // nobody woke us
                None => state.woken -= 1,
            }
            let job = state.jobs.pop_front();
            if !state.jobs.is_empty() && state.woken == 0 {
                state.wake_one();
            }
            if job.is_some() || is_late {
                return job;
            }
        }
        None
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.pool.state.lock();
        state.alive -= 1;
        state.free_numbers.push(self.number);
        self.pool.ended.notify_all();
    }
}
