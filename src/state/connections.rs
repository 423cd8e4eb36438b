//! The registry of a server: which clients are connected, how the others ended, and which
//! stage the server is in, from its start to its stop.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::event::{Outcome, Stats};
use crate::socket::connection::Connection;

/// Every client of a server is entered here, and removed when it has left.
///
/// One lock guards everything. So the numbers agree with each other at any moment, and no
/// client can slip in once the server has begun to stop.
#[derive(Default)]
pub(crate) struct Registry {
    state: Mutex<State>,
    /// Notified when a client leaves and when the stage changes.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stage: Stage,
    /// The open connections, by the numbers of their clients, so that another thread can
    /// cut them off. (A datagram has no connection.)
    open: HashMap<u64, Arc<Connection>>,
    /// How many clients haven't left yet. When a handler has ended or a client was cut off,
    /// the client isn't in `counts.active` any more, but it takes a moment to leave.
    inside: usize,
    /// How many have left so far.
    departures: u64,
    /// How many of them come from each address, if that is limited.
    from: HashMap<IpAddr, usize>,
    /// All counts except that of the threads. `accepted` is also the last client's number.
    counts: Stats,
}

/// How far the server has come from start to stop. It never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// New clients are accepted.
    #[default]
    Serving,
    /// No new clients are accepted. The hook is being called.
    Closing,
    /// Open connections can finish.
    Draining,
    /// Those that were still open have been cut off.
    Cut,
}

/// Whether a client was accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is entered, under this number. [`Registry::leave`] must follow.
    Entered(u64),
    /// It isn't, and it is counted as rejected, under this number.
    Rejected(u64),
}

impl Registry {
    /// Enters a client, unless the server has begun to stop, or `limit` clients from the
    /// same address are here.
    ///
    /// `connection` is what `cut` cuts off; a datagram has none.
    pub(crate) fn enter(
        &self,
        connection: Option<Arc<Connection>>,
        limit: Option<(IpAddr, usize)>,
    ) -> Admission {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        let number = state.counts.accepted;
        let is_one_too_many = limit
            .is_some_and(|(ip, max)| state.from.get(&ip).is_some_and(|now| *now >= max));
        // The stage is read under the lock under which it changes. So the thread that
        // begins the stop knows that no client is entered after that.
        if state.stage > Stage::Serving || is_one_too_many {
            state.counts.rejected += 1;
            return Admission::Rejected(number);
        }
        state.counts.active += 1;
        state.inside += 1;
        if let Some((ip, _)) = limit {
            *state.from.entry(ip).or_default() += 1;
        }
        if let Some(connection) = connection {
            state.open.insert(number, connection);
        }
        Admission::Entered(number)
    }

    /// Counts a rejected client, and returns its number.
    pub(crate) fn reject(&self) -> u64 {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        state.counts.rejected += 1;
        state.counts.accepted
    }

    /// Counts a client that has ended. Returns the outcome that was counted: a client that
    /// was cut off stays cut off, whatever its handler returned.
    pub(crate) fn count(&self, outcome: Outcome) -> Outcome {
        let mut state = self.state.lock();
        if state.stage == Stage::Cut {
            return Outcome::CutOff; // `cut` has counted it
        }
        state.counts.active -= 1;
        state.counts.count(outcome);
        outcome
    }

    /// Removes a client. `ip` is the address that `enter` was given, if any.
    pub(crate) fn leave(&self, number: u64, ip: Option<IpAddr>) {
        let mut state = self.state.lock();
        let connection = state.open.remove(&number);
        state.inside -= 1;
        state.departures += 1;
        if let Some(Entry::Occupied(mut now)) = ip.map(|ip| state.from.entry(ip)) {
            *now.get_mut() -= 1;
            if *now.get() == 0 {
                now.remove(); // an address without clients needs no memory
            }
        }
        // When the server is stopping, threads wait only for the last client to leave. Waking
        // them for each of a thousand would take a while.
        let is_awaited = state.stage == Stage::Serving || state.inside == 0;
        drop(state);
        drop(connection); // outside the lock, because closing it takes a while
        if is_awaited {
            self.changed.notify_all();
        }
    }

    /// Accepts no clients from now on. If this call began the stop, returns how many
    /// connections are open; then [`announced`](Self::announced) must follow.
    pub(crate) fn stop_accepting(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if state.stage > Stage::Serving {
            return None;
        }
        state.stage = Stage::Closing;
        self.changed.notify_all();
        Some(state.counts.active)
    }

    /// The hook has been called: the server stops.
    pub(crate) fn announced(&self) {
        let mut state = self.state.lock();
        state.stage = state.stage.max(Stage::Draining); // it might be `Cut` already
        self.changed.notify_all();
    }

    /// Cuts off every connection that is still open.
    ///
    /// Returns how many there were, if this call was the first.
    pub(crate) fn cut(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if state.stage == Stage::Cut {
            return None;
        }
        state.stage = Stage::Cut;
        let active = std::mem::take(&mut state.counts.active);
        state.counts.cut_off += active as u64;
        let connections: Vec<_> = state.open.values().cloned().collect();
        // A handler that finds its connection cut off needs the lock to leave.
        drop(state);
        self.changed.notify_all();
        for connection in connections {
            connection.cut();
        }
        Some(active)
    }

    /// Waits until fewer than `max` clients are here. Returns how many have left so far;
    /// `None` when the server stops, or at `until`.
    pub(crate) fn wait_for_room(
        &self,
        max: usize,
        until: Option<Instant>,
    ) -> Option<u64> {
        let mut state = self.state.lock();
        while state.stage == Stage::Serving {
            if state.inside < max {
                return Some(state.departures);
            }
            if self.wait(&mut state, until) {
                return None;
            }
        }
        None
    }

    /// Waits until more than `departures` clients have left, the server stops, or `until`.
    pub(crate) fn wait_for_departure(&self, departures: u64, until: Option<Instant>) {
        let mut state = self.state.lock();
        while state.stage == Stage::Serving && state.departures <= departures {
            if self.wait(&mut state, until) {
                return;
            }
        }
    }

    /// How many clients have left so far.
    pub(crate) fn departures(&self) -> u64 {
        self.state.lock().departures
    }

    /// Waits until the hook has been called about the stop, or until `until`.
    pub(crate) fn wait_until_announced(&self, until: Option<Instant>) {
        let mut state = self.state.lock();
        while state.stage == Stage::Closing && !self.wait(&mut state, until) {}
    }

    /// Waits until no client is here, the server goes beyond `stage`, or `until`. Returns
    /// whether no client is here.
    pub(crate) fn wait_until_empty(&self, stage: Stage, until: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        while state.inside > 0 && state.stage <= stage {
            if self.wait(&mut state, until) {
                break;
            }
        }
        state.inside == 0
    }

    /// The server's current stage.
    pub(crate) fn stage(&self) -> Stage {
        self.state.lock().stage
    }

    /// All counts of this moment, except the threads.
    pub(crate) fn stats(&self) -> Stats {
        self.state.lock().counts
    }

    /// Waits for a change. Returns whether `until` has come, if there is such a time.
    fn wait(&self, state: &mut MutexGuard<'_, State>, until: Option<Instant>) -> bool {
        match until {
            Some(until) => self.changed.wait_until(state, until).timed_out(),
            None => {
                self.changed.wait(state);
                false
            }
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let mut debug = f.debug_struct("Registry");
        debug.field("stage", &state.stage).field("counts", &state.counts);
        debug.finish_non_exhaustive()
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
            Outcome::TimedOut => &mut self.timed_out,
            Outcome::CutOff => &mut self.cut_off,
        };
        *count += 1;
    }
}
