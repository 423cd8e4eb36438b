//! The threads: started when needed, used again, counted.
//!
//! Each connection has a thread to itself. To start one costs more than many a
//! connection does in its whole life, so a thread whose connection has ended waits a
//! few seconds for another. The last to finish is the first to be used again: its stack
//! and caches are still warm, and the others can grow old and leave.

use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

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

#[derive(Default)]
struct State {
    /// Threads that wait for a job, the last to finish on top.
    idle: Vec<Arc<Desk>>,
    /// How many threads there are, idle ones too.
    alive: usize,
    /// Numbers of threads that have ended, to be given out again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    closed: bool,
}

/// Where a thread gets its orders.
///
/// (A channel is shorter to write. But a thread that waits for one spins and yields for
/// a while before it sleeps, and takes the processor from those who have work to do:
/// with eight clients that connect again and again, that cost a fifth of the speed. One
/// queue for all, from which whoever is free takes the next job, cost a tenth.)
#[derive(Default)]
struct Desk {
    order: Mutex<Option<Order>>,
    /// Told when there is an order.
    ordered: Condvar,
}

/// What an idle thread can be told.
enum Order {
    Work(Job),
    Leave,
}

impl Desk {
    /// Gives an order to the thread that waits here. It has none yet.
    fn give(&self, order: Order) {
        *self.order.lock() = Some(order);
        self.ordered.notify_one();
    }
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
        let mut state = self.pool.state.lock();
        if let Some(desk) = state.idle.pop() {
            drop(state); // a woken thread should not have to wait for us
            desk.give(Order::Work(job));
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
        let worker = Worker { pool, number, desk: Arc::default() };
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
        for desk in state.idle.drain(..) {
            desk.give(Order::Leave);
        }
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

impl Pool {
    /// Thread `number` has ended, or was never born.
    fn forget(&self, number: usize) {
        let mut state = self.state.lock();
        state.alive -= 1;
        state.free_numbers.push(number);
        self.ended.notify_all();
    }
}

/// The thread's own end of it. Dropping it takes the thread off the books, whatever
/// ended it.
struct Worker {
    pool: Arc<Pool>,
    number: usize,
    desk: Arc<Desk>,
}

impl Worker {
    /// The life of a thread: a job, then whatever comes while it is idle.
    fn work(self, first: Job, idle_timeout: Duration) {
        let mut job = first;
        loop {
            job();
            let mut state = self.pool.state.lock();
            if state.closed {
                return;
            }
            state.idle.push(Arc::clone(&self.desk));
            drop(state);
            match self.wait_for_order(idle_timeout) {
                Order::Work(next) => job = next,
                Order::Leave => return,
            }
        }
    }

    /// Waits for the next job; to have waited long enough is an order to leave.
    fn wait_for_order(&self, timeout: Duration) -> Order {
        let Desk { order, ordered } = &*self.desk;
        let mut order = order.lock();
        ordered.wait_while_for(&mut order, |order| order.is_none(), timeout);
        if order.is_none() && MutexGuard::unlocked(&mut order, || self.is_still_idle()) {
            return Order::Leave;
        }
        // If there is none, somebody took us off the stack this very moment: the order
        // is on its way.
        ordered.wait_while(&mut order, |order| order.is_none());
        order.take().unwrap_or(Order::Leave)
    }

    /// Takes this thread off the stack of idle ones; says whether it was there.
    fn is_still_idle(&self) -> bool {
        let mut state = self.pool.state.lock();
        let place = state.idle.iter().position(|desk| Arc::ptr_eq(desk, &self.desk));
        place.map(|place| state.idle.remove(place)).is_some()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.pool.forget(self.number);
    }
}
