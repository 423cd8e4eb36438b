//! What happens in a server: for hooks, logs, statistics and the lessons' timelines.

use std::fmt;
use std::time::Duration;

use crate::address::ClientAddress;
use crate::error::HandlerError;

/// How a connection, or the handling of a datagram, ended.
///
/// ```
/// use socketserver::{Event, Outcome};
///
/// fn on_event(event: &Event) {
///     if let Event::Ended { client, outcome: Outcome::TimedOut, .. } = event {
///         println!("{client} was silent for too long");
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned `Ok`.
    Finished,
    /// The handler returned an error, or there was no thread for it.
    Failed,
    /// The handler panicked.
    Panicked,
    /// The client went away, see [`HandlerError::is_disconnect`].
    Disconnected,
    /// The client took too long, see [`HandlerError::is_timeout`].
    TimedOut,
    /// It was still open when the drain ended.
    CutOff,
}

impl Outcome {
    /// How a handler with this result ended. `is_here` means that the client hasn't gone, so
    /// that a broken connection must be another one, of the handler's own.
    pub(crate) fn of(result: &Result<(), HandlerError>, is_here: bool) -> Self {
        match result {
            Ok(()) => Self::Finished,
            Err(HandlerError::Panic(_)) => Self::Panicked,
            Err(error) if error.is_timeout() => Self::TimedOut,
            Err(error) if error.is_disconnect() && !is_here => Self::Disconnected,
            Err(_) => Self::Failed,
        }
    }
}

/// Something that happened in a server.
///
/// The hook set with [`ServerBuilder::on_event`](crate::ServerBuilder::on_event) gets
/// each one on the thread where it happens, at the moment it happens.
///
/// Clients are numbered in the order in which the server accepted them, from 1. So each
/// `number` is used once, even if all clients have the same address.
///
/// ```
/// use std::io::Write;
/// use socketserver::{Event, TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::builder()
///     .on_event(|event| match event {
///         Event::Accepted { number, client } => println!("{number} is {client}"),
///         Event::Ended { number, outcome, .. } => println!("{number} {outcome:?}"),
///         _ => {}
///     })
///     .tcp("127.0.0.1:0", |request: &mut TcpRequest| writeln!(request, "Hello!"))?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client was accepted. Its handler hasn't started yet.
    Accepted {
        /// The client's number.
        number: u64,
        /// Its address.
        client: ClientAddress,
    },
    /// A client was rejected: by the `verify_request` hook, by
    /// `max_connections_per_address`, or because the server was stopping.
    Rejected {
        /// The client's number.
        number: u64,
        /// Its address.
        client: ClientAddress,
    },
    /// A handler starts, on this thread.
    Started {
        /// The number of the client.
        number: u64,
        /// The client that it serves.
        client: ClientAddress,
    },
    /// A handler has ended, on this thread.
    Ended {
        /// The number of the client.
        number: u64,
        /// The client that it served.
        client: ClientAddress,
        /// How it ended.
        outcome: Outcome,
    },
    /// The operating system couldn't accept a client, or had no thread for it. The
    /// server waits before it tries again.
    Exhausted {
        /// What the operating system said.
        error: String,
        /// How long the server waits, unless a connection ends before that.
        retry_in: Duration,
    },
    /// The server stops: it accepts no new clients, and asks `active` handlers to finish.
    Draining {
        /// How many connections are open.
        active: usize,
    },
    /// The drain took too long, or your program called `shutdown_now`.
    CutOff {
        /// How many connections were still open.
        connections: usize,
    },
}

/// What a server has done so far. All numbers except `threads` are from the same moment.
///
/// Each accepted client is counted in exactly one other field:
///
/// `accepted = rejected + active + finished + failed + panicked + disconnected +
/// timed_out + cut_off`
///
/// For a UDP server, a datagram counts as a client.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::tcp("127.0.0.1:0", |request: &mut TcpRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?
/// .spawn()?;
/// TcpStream::connect(server.local_addr())?.read_to_string(&mut String::new())?;
///
/// let handle = server.handle();
/// drop(server); // waits until the client has been served
/// assert_eq!(handle.stats().finished, 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Clients that the operating system passed to us.
    pub accepted: u64,
    /// Clients that were rejected: by `verify_request`, by `max_connections_per_address`,
    /// or because the server was stopping.
    pub rejected: u64,
    /// Clients that are being served right now.
    pub active: usize,
    /// Clients whose handler returned `Ok`, after everything was sent to them. (The last
    /// packets can still be on their way, and `shutdown_now` doesn't wait for them.)
    pub finished: u64,
    /// Clients whose handler returned an error, or that couldn't get a thread.
    pub failed: u64,
    /// Clients whose handler panicked.
    pub panicked: u64,
    /// Clients that went away too early, see [`HandlerError::is_disconnect`].
    pub disconnected: u64,
    /// Clients that took too long, see [`HandlerError::is_timeout`].
    pub timed_out: u64,
    /// Clients that were still open when the drain ended.
    pub cut_off: u64,
    /// Handler threads, including idle ones.
    pub threads: usize,
}

/// Shows how many clients there were, and each other number that isn't zero: `3 accepted: 2
/// finished, 1 cut off`.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted", self.accepted)?;
        let counts = [
            (self.rejected, "rejected"),
            (self.active as u64, "active"),
            (self.finished, "finished"),
            (self.failed, "failed"),
            (self.panicked, "panicked"),
            (self.disconnected, "disconnected"),
            (self.timed_out, "timed out"),
            (self.cut_off, "cut off"),
        ];
        let mut mark = ": ";
        for (count, name) in counts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{mark}{count} {name}")?;
            mark = ", ";
        }
        Ok(())
    }
}
