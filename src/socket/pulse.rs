//! One timer for many threads.
//!
//! A wait with a time limit sets a timer in the operating system, and cancels it when the
//! wait ends early, as nearly every wait does. That costs a tenth of a short request. So
//! a thread whose client sent something a moment ago waits without a timer: for its client,
//! or for the next *beat*, which comes within a second and wakes all threads that wait like
//! this. If its client is still silent then, the thread waits again, with its own timer.
//!
//! So a busy connection sets no timers, and a silent one is woken once. While no thread
//! waits for a beat, there is none: an idle server sleeps.

use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::wake::Wake;

/// The longest time a thread waits for a beat.
const PERIOD: Duration = Duration::from_secs(1);

/// Wakes the threads that wait for it, about once a second.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Notified when a thread waits for a beat, and at the end.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The next beat, if a thread waits for it.
    next: Option<Arc<Wake>>,
    /// There will be no more beats.
    is_over: bool,
    /// The thread that wakes the others. Started for the first beat.
    clock: Option<JoinHandle<()>>,
}

impl Pulse {
    /// The next beat. It is dropped when it has come. If there will be none, because the
    /// server stops or the system has no thread for it, it is gone already.
    pub(crate) fn next_beat(&self) -> Weak<Wake> {
        self.try_next_beat().map(|beat| Arc::downgrade(&beat)).unwrap_or_default()
    }

    fn try_next_beat(&self) -> Option<Arc<Wake>> {
        let mut state = self.0.state.lock();
        if state.is_over {
            return None;
        }
        if state.next.is_none() {
            if state.clock.is_none() {
                let (builder, shared) = (thread::Builder::new(), Arc::clone(&self.0));
                let clock =
                    builder.name("pulse".to_owned()).spawn(move || shared.beat());
                state.is_over = clock.is_err(); // asking again would be no use
                state.clock = Some(clock.ok()?);
            }
            state.next = Some(Arc::new(Wake::new().ok()?));
            self.0.changed.notify_one();
        }
        state.next.clone()
    }

    /// Wakes all threads that wait for a beat, at once and for good.
    pub(crate) fn stop(&self) {
        let mut state = self.0.state.lock();
        state.is_over = true;
        if let Some(beat) = state.next.take() {
            beat.wake();
        }
        self.0.changed.notify_one();
    }

    /// Waits until the thread has ended, after [`stop`](Self::stop) told it to.
    pub(crate) fn join(&self) {
        let clock = self.0.state.lock().clock.take();
        if let Some(clock) = clock {
            let _ = clock.join(); // it doesn't panic
        }
    }
}

impl Shared {
    /// The thread's work: one beat after the other, as long as threads wait for them.
    fn beat(&self) {
        let mut state = self.state.lock();
        while !state.is_over {
            if state.next.is_none() {
                self.changed.wait(&mut state);
                continue;
            }
            // The first thread waits from now on, and others will join it.
            let until = Instant::now() + PERIOD;
            while !state.is_over
                && !self.changed.wait_until(&mut state, until).timed_out()
            {}
            if let Some(beat) = state.next.take() {
                beat.wake();
            }
        }
    }
}
