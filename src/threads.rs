//! The threads: started when needed, used again, counted.
//!
//! Each connection has a thread to itself. To start one costs more than many a
//! connection does in its whole life, so a thread whose connection has ended waits a
//! few seconds for another. The last to finish is the first to be used again: its stack
//! and caches are still warm, and the others can grow old and leave.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::{Condvar, Mutex};

use crate::event::HandlerError;

/// What a thread is given to do: one connection, from beginning to end.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// The threads of one server.
#[derive(Debug)]
pub(crate) struct Threads {
    pool: Arc<Pool>,
    /// Threads are called `prefix-1`, `prefix-2` and so on.
    prefix: String,
    /// In bytes; `None` is the standard library's choice.
    stack_size: Option<usize>,
    /// How long an idle thread waits for more to do.
    idle_timeout: Duration,
}

/// What the threads share with the one who hands out jobs.
#[derive(Debug, Default)]
struct Pool {
    state: Mutex<State>,
    /// Told when a thread ends.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that wait for a job, the last to finish on top.
    idle: Vec<Idle>,
    /// How many threads there are, idle ones too.
    alive: usize,
    /// Numbers of threads that have ended, to be given out again.
    free_numbers: Vec<usize>,
    /// No more jobs will come.
    closed: bool,
}

/// An idle thread, as the pool knows it.
#[derive(Debug)]
struct Idle {
    number: usize,
    /// Has room for one order. It is empty as long as the thread is idle, so sending
    /// never waits.
    orders: Sender<Order>,
}

/// What an idle thread can be told.
enum Order {
    Work(Job),
    Leave,
}

impl Threads {
    pub(crate) fn new(
        prefix: String,
        stack_size: Option<usize>,
        idle_timeout: Duration,
    ) -> Self {
        Self { pool: Arc::default(), prefix, stack_size, idle_timeout }
    }

    /// Has `job` done by an idle thread, or by a new one.
    ///
    /// The error is the operating system's, when it has no thread left to give. The
    /// job is dropped then, not run.
    pub(crate) fn run(&self, job: Job) -> io::Result<()> {
        let mut state = self.pool.state.lock();
        if let Some(idle) = state.idle.pop() {
            drop(state); // a woken thread should not have to wait for us
            // Cannot fail: the thread waits for this order, see `wait_for_order`.
            let _ = idle.orders.send(Order::Work(job));
            return Ok(());
        }
        state.alive += 1;
        let number = state.free_numbers.pop().unwrap_or(state.alive);
        drop(state);

        let pool = Arc::clone(&self.pool);
        let idle_timeout = self.idle_timeout;
        let mut builder =
            thread::Builder::new().name(format!("{}-{number}", self.prefix));
        if let Some(bytes) = self.stack_size {
            builder = builder.stack_size(bytes);
        }
        // `thread::spawn` would panic where this returns an error. Then the job, which is
        // not ours alone, is dropped here, and may panic at that.
        let work = move || Worker { pool, number }.work(job, idle_timeout);
        let spawned =
            HandlerError::catch(|| builder.spawn(work)).map_err(io::Error::from);
        match spawned.and_then(|result| result) {
            Ok(_) => Ok(()),
            Err(error) => {
                self.pool.forget(number);
                Err(error)
            }
        }
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
        for idle in state.idle.drain(..) {
            let _ = idle.orders.send(Order::Leave);
        }
        while state.alive > 0
            && !self.pool.ended.wait_until(&mut state, until).timed_out()
        {}
    }
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
}

impl Worker {
    /// The life of a thread: a job, then whatever comes while it is idle.
    fn work(self, first: Job, idle_timeout: Duration) {
        let (sender, orders) = bounded(1);
        let mut job = first;
        loop {
            job();
            let mut state = self.pool.state.lock();
            if state.closed {
                return;
            }
            state.idle.push(Idle { number: self.number, orders: sender.clone() });
            drop(state);
            match self.wait_for_order(&orders, idle_timeout) {
                Order::Work(next) => job = next,
                Order::Leave => return,
            }
        }
    }

    /// Waits for the next job; to have waited long enough is an order to leave.
    fn wait_for_order(&self, orders: &Receiver<Order>, timeout: Duration) -> Order {
        match orders.recv_timeout(timeout) {
            Ok(order) => order,
            Err(RecvTimeoutError::Timeout) if self.is_still_idle() => Order::Leave,
            // Somebody took us off the stack this very moment: the order is on its way.
            Err(_) => orders.recv().unwrap_or(Order::Leave),
        }
    }

    /// Takes this thread off the stack of idle ones; says whether it was there.
    fn is_still_idle(&self) -> bool {
        let mut state = self.pool.state.lock();
        let place = state.idle.iter().position(|idle| idle.number == self.number);
        place.map(|place| state.idle.remove(place)).is_some()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.pool.forget(self.number);
    }
}
