//! A client's place in the server, which can't be forgotten. Others call such a thing an
//! *RAII guard*.

use std::net::IpAddr;
use std::sync::Arc;

use super::Shared;
use super::connections::{Admission, Stage};
use crate::address::ClientAddress;
use crate::error::HandlerError;
use crate::event::{Event, Outcome};
use crate::socket::connection::Connection;

/// A client's place in the server, from when it is accepted to when it has gone.
///
/// Dropping it gives the place back, whatever happens.
pub(crate) struct ClientGuard {
    shared: Arc<Shared>,
    client: ClientAddress,
    number: u64,
    /// The address under which it counts, if that is limited.
    counted_as: Option<IpAddr>,
    /// How it was counted, when it has ended.
    outcome: Option<Outcome>,
    /// Whether the hook has been told of that.
    is_announced: bool,
}

impl ClientGuard {
    /// Accepts a client, or turns it away and says so to the hook.
    ///
    /// `connection` is what can be cut off, if it has one.
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

    /// The handler starts, on this thread.
    pub(crate) fn start(&self) {
        let Self { number, client, .. } = self;
        self.shared.event(|| Event::Started { number: *number, client: client.clone() });
    }

    /// The client has been served. Reports what went wrong, if that is worth it, and counts
    /// how it ended. The place is free when this is dropped.
    pub(crate) fn served(&mut self, result: Result<(), HandlerError>) {
        let outcome = Outcome::from(&result);
        if let Err(error) = result {
            // A handler that was cut off sees all kinds of errors; only a panic is news.
            let is_cut = self.shared.registry.stage() == Stage::Cut;
            if outcome == Outcome::Panicked || (outcome == Outcome::Failed && !is_cut) {
                self.shared.report(&self.client, &error);
            }
            error.dispose();
        }
        self.outcome = Some(self.shared.registry.count(outcome));
    }

    /// Tells the hook how it ended, if nobody has done so before.
    pub(crate) fn announce(&mut self) {
        if self.is_announced {
            return;
        }
        self.is_announced = true;
        // It may have got no thread, and nobody has counted it.
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
