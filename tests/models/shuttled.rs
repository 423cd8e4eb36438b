//! What `std` and `parking_lot` mean in the files that are checked.
//!
//! [`shuttle`] runs all threads of a model on one thread, and at each lock, atomic or
//! wait it chooses which one goes on. It knows no time, so a wait with a limit never ends
//! by itself. That's why the clock is ours, and so is [`Condvar`]:
//!
//! - The clock stops, or goes on by a millisecond when a thread looks at it.
//! - A wait with a limit can time out at any moment. The clock then goes on to its end.
//! - A wait of a day or more never times out. If all threads wait like that, shuttle
//!   calls it a deadlock, and the model fails.
//! - `notify_one` wakes any of the waiting threads. Now and then a wait ends for no
//!   reason, as `std`'s documentation allows.

/// The standard library, with other threads, locks and clocks.
pub(crate) mod std {
    pub(crate) use ::std::*;

    pub(crate) use shuttle::thread;

    pub(crate) mod sync {
        pub(crate) use ::std::sync::{Arc, LockResult, PoisonError, Weak};

        pub(crate) use shuttle::sync::atomic;

        pub(crate) use super::super::{Condvar, MutexGuard, StdMutex as Mutex};
    }

    pub(crate) mod time {
        pub(crate) use ::std::time::Duration;

        pub(crate) use super::super::Instant;
    }
}

/// The same locks, with `parking_lot`'s interface.
pub(crate) mod parking_lot {
    pub(crate) use super::{Condvar, MutexGuard, PlainMutex as Mutex};
}

use ::std::cell::Cell;
use ::std::ops::{Add, Deref, DerefMut};
use ::std::sync::atomic::{AtomicBool, Ordering};
use ::std::sync::{Arc, LockResult, PoisonError};
use ::std::time::Duration;

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync as shuttles;
use shuttle::thread::{self, Thread};

/// A wait as long as this never times out.
const DAY: Duration = Duration::from_secs(86_400);

::std::thread_local! {
    /// The clock. All threads of a model run on the same real one.
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A time on the models' clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(Duration);

impl Instant {
    /// Sometimes a little time has passed since the last look.
    pub(crate) fn now() -> Self {
        if thread_rng().gen_ratio(1, 4) {
            NOW.set(NOW.get() + Duration::from_millis(1));
        }
        Self(NOW.get())
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now().saturating_duration_since(self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Whether it's this late. If it isn't, the clock might jump there now.
    fn has_come(self) -> bool {
        if thread_rng().gen_ratio(1, 4) {
            NOW.set(NOW.get().max(self.0));
        }
        NOW.get() >= self.0
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0 + time)
    }
}

/// A lock with the standard library's interface.
#[derive(Debug, Default)]
pub(crate) struct StdMutex<T>(shuttles::Mutex<T>);

impl<T> StdMutex<T> {
    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        Ok(MutexGuard::new(&self.0))
    }
}

/// A lock with `parking_lot`'s interface.
#[derive(Debug, Default)]
pub(crate) struct PlainMutex<T>(shuttles::Mutex<T>);

impl<T> PlainMutex<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard::new(&self.0)
    }
}

#[derive(Debug)]
pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a shuttles::Mutex<T>,
    /// `None` while it waits for a notification.
    guard: Option<shuttles::MutexGuard<'a, T>>,
}

impl<'a, T> MutexGuard<'a, T> {
    fn new(mutex: &'a shuttles::Mutex<T>) -> Self {
        let mut guard = Self { mutex, guard: None };
        guard.lock();
        guard
    }

    fn lock(&mut self) {
        // The code under test goes on after a panic, too.
        self.guard = Some(self.mutex.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("locked")
    }
}

/// A condition variable with both libraries' interfaces, because their method names
/// differ.
#[derive(Debug, Default)]
pub(crate) struct Condvar(::std::sync::Mutex<Vec<Arc<Waiter>>>);

#[derive(Debug)]
struct Waiter {
    thread: Thread,
    is_notified: AtomicBool,
}

/// Whether a wait ended because its time was over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    pub(crate) fn timed_out(self) -> bool {
        self.0
    }
}

impl Condvar {
    pub(crate) fn notify_one(&self) {
        let mut waiters = self.waiters();
        if waiters.is_empty() {
            return;
        }
        let index = thread_rng().gen_range(0..waiters.len());
        let waiter = waiters.swap_remove(index);
        drop(waiters); // others can get here before we're done
        waiter.notify();
    }

    pub(crate) fn notify_all(&self) {
        let waiters = ::std::mem::take(&mut *self.waiters());
        waiters.iter().for_each(|waiter| waiter.notify());
    }

    /// `parking_lot`'s.
    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.sleep(guard, None);
    }

    /// `parking_lot`'s.
    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        until: Instant,
    ) -> WaitTimeoutResult {
        let left = until.saturating_duration_since(Instant::now());
        self.sleep(guard, (left < DAY).then_some(until))
    }

    /// The standard library's.
    pub(crate) fn wait_timeout<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        time: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let until = (time < DAY).then(|| Instant::now() + time);
        let result = self.sleep(&mut guard, until);
        Ok((guard, result))
    }

    /// The standard library's.
    pub(crate) fn wait_timeout_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        time: Duration,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let until = (time < DAY).then(|| Instant::now() + time);
        let mut result = WaitTimeoutResult(false);
        while !result.timed_out() && condition(&mut guard) {
            result = self.sleep(&mut guard, until);
        }
        let result = WaitTimeoutResult(condition(&mut guard));
        Ok((guard, result))
    }

    fn sleep<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        until: Option<Instant>,
    ) -> WaitTimeoutResult {
        let (thread, is_notified) = (thread::current(), AtomicBool::new(false));
        let waiter = Arc::new(Waiter { thread, is_notified });
        // Before the lock is free, so that no notification is lost.
        self.waiters().push(Arc::clone(&waiter));
        guard.guard = None;
        let mut is_over = thread_rng().gen_ratio(1, 8); // for no reason
        let mut has_timed_out = false;
        while !is_over && !waiter.is_notified() {
            if let Some(until) = until {
                crate::step();
                has_timed_out = !waiter.is_notified() && until.has_come();
                is_over = has_timed_out;
            } else {
                thread::park(); // it can return without an `unpark`, too
            }
        }
        self.waiters().retain(|other| !Arc::ptr_eq(other, &waiter));
        guard.lock();
        WaitTimeoutResult(has_timed_out)
    }

    fn waiters(&self) -> ::std::sync::MutexGuard<'_, Vec<Arc<Waiter>>> {
        self.0.lock().expect("nothing panics under this lock")
    }
}

impl Waiter {
    fn notify(&self) {
        self.is_notified.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }

    fn is_notified(&self) -> bool {
        self.is_notified.load(Ordering::Relaxed)
    }
}
