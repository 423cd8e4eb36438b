//! Where a request's bytes come from: its connection, within the timeouts, until the end.

use std::io::{self, Read};
use std::sync::Arc;

use super::timeouts::Timeouts;
use crate::socket::connection::{Connection, Received, Rhythm};

/// Where a request's bytes come from.
pub(super) struct Source {
    /// Shared with the registry, so that another thread can cut it off.
    pub(super) connection: Arc<Connection>,
    pub(super) timeouts: Timeouts,
    /// Which side has ended the conversation, if it has ended.
    pub(super) end: Option<End>,
    rhythm: Rhythm,
}

/// The side that has ended a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client is done sending.
    Client,
    /// Ours: the server stops, or a writer has hung up. The client might not know yet.
    We,
}

impl Source {
    pub(super) fn new(connection: Arc<Connection>, timeouts: Timeouts) -> Self {
        Self { connection, timeouts, end: None, rhythm: Rhythm::default() }
    }
}

impl Read for Source {
    /// Reads once, within the timeouts. 0 is end of file.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.end.is_some() {
            return Ok(0);
        }
        self.end =
            match self.timeouts.read(&self.connection, buffer, &mut self.rhythm)? {
                Received::Bytes(0) => Some(End::Client),
                Received::Bytes(count) => return Ok(count),
                Received::WeEnd | Received::TimedOut => Some(End::We),
            };
        Ok(0)
    }
}
