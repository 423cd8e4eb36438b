//! A client's place in the server, which can't be forgotten. The usual name for such a thing
//! is *RAII guard*.

use std::net::IpAddr;
use std::sync::Arc;

use super::Shared;
use super::connections::{Admission, Stage};
use crate::address::ClientAddress;
use crate::error::HandlerError;
use crate::event::{Event, Outcome};
use crate::socket::connection::Connection;

/// A client's place in the server, from the moment it is accepted until it has gone.
///
/// Dropping the guard frees the place, whatever happens.
pub(crate) struct ClientGuard {
    shared: Arc<Shared>,
    client: ClientAddress,
    number: u64,
    /// The address under which it counts, if connections per address are limited.
    counted_as: Option<IpAddr>,
    /// How its end was counted.
    outcome: Option<Outcome>,
    /// Whether the hook has been called about that.
    is_announced: bool,
}

impl ClientGuard {
    /// Accepts a client, or rejects it; calls the hook in both cases.
    ///
    /// `connection` is what can be cut off; a datagram has none.
    pub(crate) fn admit(
        shared: &Arc<Shared>,
        client: ClientAddress,
        connection: Option<Arc<Connection>>,
    ) -> Option<Self> {
        if !shared.verify(&client) {
            let number = shared.registry.reject();
            shared.event(|| Event::Rejected { number, client });
            return None;
        }
        let limit = shared.options.max_connections_per_address;
        let limit = limit.map(|max| (client.ip(), max));
        match shared.registry.enter(connection, limit) {
            Admission::Entered(number) => {
                shared.event(|| Event::Accepted { number, client: client.clone() });
                let counted_as = limit.map(|(ip, _)| ip);
                let shared = Arc::clone(shared);
                let (outcome, is_announced) = (None, false);
                Some(Self { shared, client, number, counted_as, outcome, is_announced })
            }
            Admission::Rejected(number) => {
                shared.event(|| Event::Rejected { number, client });
                None
            }
        }
    }

    /// Calls the hook: the handler starts, on this thread.
    pub(crate) fn start(&self) {
        let Self { number, client, .. } = self;
        self.shared.event(|| Event::Started { number: *number, client: client.clone() });
    }

    /// The client has been served. Counts how it ended, and reports an error unless it was an
    /// ordinary disconnect or timeout. `is_here` means that the client hasn't gone. (Dropping
    /// the guard frees the place.)
    pub(crate) fn served(&mut self, result: Result<(), HandlerError>, is_here: bool) {
        let outcome = Outcome::of(&result, is_here);
        if let Err(error) = result {
            // A handler that was cut off sees all kinds of errors. Only a panic is worth
            // reporting.
            let is_cut = self.shared.registry.stage() == Stage::Cut;
            if outcome == Outcome::Panicked || (outcome == Outcome::Failed && !is_cut) {
                self.shared.report(&self.client, &error);
            }
            error.dispose();
        }
        self.outcome = Some(self.shared.registry.count(outcome));
    }

    /// Calls the hook about the client's end, unless that has been done.
    pub(crate) fn announce(&mut self) {
        if self.is_announced {
            return;
        }
        self.is_announced = true;
        // A client that got no thread hasn't been counted yet.
        let outcome = self.outcome.unwrap_or_else(|| {
            let outcome = self.shared.registry.count(Outcome::Failed);
            *self.outcome.insert(outcome)
        });
        let Self { number, client, .. } = self;
        let (number, client) = (*number, client.clone());
        self.shared.event(|| Event::Ended { number, client, outcome });
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.announce();
        self.shared.registry.leave(self.number, self.counted_as);
    }
}
