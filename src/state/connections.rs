//! The registry of a server: who is connected, how it ended for those who have left, and
//! how far the server itself has come on its way to the stop.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::event::{Outcome, Stats};
use crate::socket::connection::Connection;

/// The registry in which every client of a server is entered, and struck out again.
///
/// One lock guards it all. So the numbers agree with each other at any moment, and no
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
    /// The open connections by the numbers of their clients, so that another thread can
    /// cut them off. (A datagram has none of its own.)
    open: HashMap<u64, Arc<Connection>>,
    /// How many clients haven't left yet. Those whose handler has ended, and those that
    /// were cut off, aren't in `counts.active` any more, but take a moment to leave.
    inside: usize,
    /// How many have left so far.
    departures: u64,
    /// How many are inside from each address, if that is limited.
    from: HashMap<IpAddr, usize>,
    /// All the counts but that of the threads. `accepted` is also the latest number.
    counts: Stats,
}

/// How far the server has come from start to stop. It never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// New clients are accepted.
    #[default]
    Serving,
    /// No new clients are accepted. The hook is being told.
    Closing,
    /// Open connections may finish.
    Draining,
    /// Those that were still open have been cut off.
    Cut,
}

/// Whether a client was let in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is entered, under this number. Give it back with [`Registry::leave`].
    Entered(u64),
    /// It is not, and counted as rejected under this number.
    Rejected(u64),
}

impl Registry {
    /// Enters a client, unless the server has begun to stop, or as many as `limit` says
    /// are inside from the same address.
    ///
    /// `connection` is what can be cut off: nothing, for a datagram.
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
        // The stage is looked at under the same lock that changes it. So whoever begins
        // the stop knows that nobody comes after its own look.
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

    /// Counts a client that was turned away, and says its number.
    pub(crate) fn reject(&self) -> u64 {
        let mut state = self.state.lock();
        state.counts.accepted += 1;
        state.counts.rejected += 1;
        state.counts.accepted
    }

    /// Counts how it ended for a client. Says how that is counted: what was cut off stays
    /// cut off, whatever its handler made of it.
    pub(crate) fn count(&self, outcome: Outcome) -> Outcome {
        let mut state = self.state.lock();
        if state.stage == Stage::Cut {
            return Outcome::CutOff; // `cut` has counted it
        }
        state.counts.active -= 1;
        state.counts.count(outcome);
        outcome
    }

    /// Strikes out a client. `ip` is its address, if `enter` was given one.
    pub(crate) fn leave(&self, number: u64, ip: Option<IpAddr>) {
        let mut state = self.state.lock();
        let connection = state.open.remove(&number);
        state.inside -= 1;
        state.departures += 1;
        if let Some(Entry::Occupied(mut now)) = ip.map(|ip| state.from.entry(ip)) {
            *now.get_mut() -= 1;
            if *now.get() == 0 {
                now.remove(); // nothing is kept of an address from which nobody is here
            }
        }
        drop(state);
        drop(connection); // closing it takes a while, so not under the lock
        self.changed.notify_all();
    }

    /// Accepts no clients from now on. Returns how many connections are open if this call
    /// began it; then [`announced`](Self::announced) must follow.
    pub(crate) fn stop_accepting(&self) -> Option<usize> {
        let mut state = self.state.lock();
        if state.stage > Stage::Serving {
            return None;
        }
        state.stage = Stage::Closing;
        self.changed.notify_all();
        Some(state.counts.active)
    }

    /// The hook has been told that the server stops.
    pub(crate) fn announced(&self) {
        let mut state = self.state.lock();
        state.stage = state.stage.max(Stage::Draining); // it may be cut off already
        self.changed.notify_all();
    }

    /// Cuts off every connection that is still open.
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
        let connections: Vec<_> = state.open.values().cloned().collect();
        // A handler that finds its connection cut wants the lock in order to leave.
        drop(state);
        self.changed.notify_all();
        for connection in connections {
            connection.cut();
        }
        Some(active)
    }

    /// Waits until fewer than `max` clients are inside. Says how many have left by then;
    /// `None` when the server stops, or it is `until`.
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

    /// Waits until more than `departures` clients have left, the server stops, or it is
    /// `until`.
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

    /// Waits until the hook has been told of the stop, or it is `until`.
    pub(crate) fn wait_until_announced(&self, until: Option<Instant>) {
        let mut state = self.state.lock();
        while state.stage == Stage::Closing && !self.wait(&mut state, until) {}
    }

    /// Waits until nobody is inside, the server goes beyond `stage`, or it is `until`.
    /// Says whether nobody is inside.
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
