//! The open connections: who is here, and how to ask them, or make them, leave.

use std::collections::HashMap;
use std::fmt;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::event::{Outcome, Stats};

/// The book in which every connection of a server is entered, and struck out again.
///
/// One lock guards it all. So the numbers agree with each other at any moment, and
/// nobody can slip in once the server has begun to stop.
#[derive(Default)]
pub(crate) struct Connections {
    state: Mutex<State>,
    /// Told when a connection leaves and when the stage changes.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// The sockets of open connections, so that another thread can shut them down.
    /// (Datagrams have none of their own.)
    open: HashMap<u64, Arc<dyn ShutDown>>,
    /// The key of the latest entry in `open`.
    last_key: u64,
    /// How many have not left yet. `counts.active` is the same until the cut; those who
    /// were cut off are counted at once, but take a moment to leave.
    inside: usize,
    counts: Stats,
}

/// How far the server has come on its way from start to stop. It never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Clients are let in.
    #[default]
    Serving,
    /// Nobody is let in. It is being announced.
    Closing,
    /// Those who are in may finish.
    Draining,
    /// Those who were still in have been cut off.
    Cut,
}

/// A socket that another thread can shut down while its own thread is using it.
pub trait ShutDown: Send + Sync {
    #[doc(hidden)]
    fn shut_down(&self, how: Shutdown);
}

/// The entry of one connection in the book. Give it back with [`Connections::leave`].
#[derive(Debug)]
#[must_use]
pub(crate) struct Entry {
    key: Option<u64>,
}

impl Connections {
    /// Enters a connection; `None` when the server has begun to stop.
    ///
    /// `socket` is what can be shut down to end it: nothing, for a datagram.
    pub(crate) fn enter(&self, socket: Option<Arc<dyn ShutDown>>) -> Option<Entry> {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        if state.stage > Stage::Serving {
            state.counts.refused += 1;
            return None;
        }
        state.counts.active += 1;
        state.inside += 1;
        let key = socket.map(|socket| {
            state.last_key += 1;
            let key = state.last_key;
            state.open.insert(key, socket);
            key
        });
        Some(Entry { key })
    }

    /// Counts a client that was not let in.
    pub(crate) fn refuse(&self) {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        state.counts.refused += 1;
    }

    /// Strikes a connection out and counts how it ended. Says how it is counted: what
    /// was cut off stays cut off, whatever its handler made of it.
    pub(crate) fn leave(&self, entry: Entry, outcome: Outcome) -> Outcome {
        let mut state = self.state.lock();
        let socket = entry.key.and_then(|key| state.open.remove(&key));
        state.inside -= 1;
        let outcome = if state.stage == Stage::Cut { Outcome::CutOff } else { outcome };
        if outcome != Outcome::CutOff {
            state.counts.active -= 1;
            state.counts.count(outcome);
        }
        drop(state);
        drop(socket); // closing it takes a while, so not under the lock
        self.changed.notify_all();
        outcome
    }

    /// Lets nobody in from now on. Returns how many connections are open if this call
    /// began it; then [`half_close`](Self::half_close) must follow.
    pub(crate) fn close_doors(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if state.stage > Stage::Serving {
            return None;
        }
        state.stage = Stage::Closing;
        self.changed.notify_all();
        Some(state.counts.active)
    }

    /// Shuts the read half of every connection: the handlers read what has come already,
    /// then end of file. Replies still go out.
    pub(crate) fn half_close(&self) {
        let mut state = self.state.lock();
        state.stage = state.stage.max(Stage::Draining);
        self.shut_down_all(state, Shutdown::Read);
    }

    /// Shuts both halves of every connection that is still open.
    ///
    /// Returns how many there were if this call did it.
    pub(crate) fn cut(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if state.stage == Stage::Cut {
            return None;
        }
        state.stage = Stage::Cut;
        let active = std::mem::take(&mut state.counts.active);
        state.counts.cut_off += active as u64;
        self.shut_down_all(state, Shutdown::Both);
        Some(active)
    }

    /// Waits until fewer than `max` connections are open, the server stops, or it is
    /// `until`. Says whether there is room, and a server that goes on.
    pub(crate) fn wait_for_room(&self, max: usize, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.stage == Stage::Serving {
            if state.counts.active < max {
                return true;
            }
            if self.wait(&mut state, until) {
                return false;
            }
        }
        false
    }

    /// Waits until a connection leaves, the server stops, or it is `until`.
    pub(crate) fn wait_for_change(&self, until: Instant) {
        let mut state = self.state.lock();
        if state.stage == Stage::Serving {
            self.wait(&mut state, Some(until));
        }
    }

    /// Waits until the stop has been announced, or it is `until`.
    pub(crate) fn wait_until_announced(&self, until: Instant) {
        let mut state = self.state.lock();
        while state.stage == Stage::Closing && !self.wait(&mut state, Some(until)) {}
    }

    /// Waits until nobody is left, the server goes beyond `stage`, or it is `until`.
    /// Says whether nobody is left.
    pub(crate) fn wait_until_empty(&self, stage: Stage, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.inside > 0 && state.stage <= stage {
            if self.wait(&mut state, until) {
                break;
            }
        }
        state.inside == 0
    }

    /// How far the server has come.
    pub(crate) fn stage(&self) -> Stage {
        self.state.lock().stage
    }

    /// All the counts of this moment, but for the threads.
    pub(crate) fn stats(&self) -> Stats {
        self.state.lock().counts
    }

    /// Waits for a change; says whether it is `until`, if there is such a time.
    fn wait(&self, state: &mut MutexGuard<'_, State>, until: Option<Instant>) -> bool {
        match until {
            Some(until) => self.changed.wait_until(state, until).timed_out(),
            None => {
                self.changed.wait(state);
                false
            }
        }
    }

    /// Shuts down one half, or both, of every open connection.
    fn shut_down_all(&self, state: MutexGuard<'_, State>, how: Shutdown) {
        let sockets: Vec<_> = state.open.values().cloned().collect();
        // A handler that wakes up wants the lock in order to leave: it must be free.
        drop(state);
        self.changed.notify_all();
        for socket in sockets {
            socket.shut_down(how);
        }
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let mut debug = f.debug_struct("Connections");
        debug.field("stage", &state.stage).field("counts", &state.counts).finish()
    }
}

impl Stats {
    /// Adds one to the count of `outcome`.
    fn count(&mut self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Finished => &mut self.finished,
            Outcome::Failed => &mut self.failed,
            Outcome::Panicked => &mut self.panicked,
            Outcome::Disconnected => &mut self.disconnected,
            Outcome::CutOff => &mut self.cut_off,
        };
        *count += 1;
    }
}
