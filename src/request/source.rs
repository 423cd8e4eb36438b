//! Where a request's bytes come from: its connection, within the timeouts, up to the end.

use std::io::{self, Read};
use std::sync::Arc;

use super::timeouts::Timeouts;
use crate::socket::connection::{Connection, Received};

/// Where a request's bytes come from.
pub(super) struct Source {
    /// Shared with the registry, so that another thread can cut it off.
    pub(super) connection: Arc<Connection>,
    pub(super) timeouts: Timeouts,
    /// Who has ended the conversation, if anybody has.
    pub(super) end: Option<End>,
    /// The last read filled its buffer, so there may be more.
    is_more_likely: bool,
}

/// Who has ended a conversation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client is done sending.
    Client,
    /// The server stops, or a writer has hung up. The client may not know of it.
    We,
}

impl Source {
    pub(super) fn new(connection: Arc<Connection>, timeouts: Timeouts) -> Self {
        Self { connection, timeouts, end: None, is_more_likely: false }
    }
}

impl Read for Source {
    /// Reads once, within the timeouts. 0 is the end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.end.is_some() {
            return Ok(0);
        }
        let is_likely = self.is_more_likely;
        let count = match self.timeouts.read(&self.connection, buffer, is_likely)? {
            Received::Bytes(0) => {
                self.end = Some(End::Client);
                0
            }
            Received::Bytes(count) => count,
            _ => {
                self.end = Some(End::We);
                0
            }
        };
        self.is_more_likely = count == buffer.len();
        Ok(count)
    }
}
