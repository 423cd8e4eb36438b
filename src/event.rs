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

impl From<&Result<(), HandlerError>> for Outcome {
    fn from(result: &Result<(), HandlerError>) -> Self {
        match result {
            Ok(()) => Self::Finished,
            Err(HandlerError::Panic(_)) => Self::Panicked,
            Err(error) if error.is_timeout() => Self::TimedOut,
            Err(error) if error.is_disconnect() => Self::Disconnected,
            Err(_) => Self::Failed,
        }
    }
}

/// Something that happened in a server.
///
/// The hook set with [`ServerBuilder::on_event`](crate::ServerBuilder::on_event) gets
/// each one on the thread where it happens, at the moment it happens.
///
/// The `number` of a client is how many the server had accepted when it came, this one
/// included. So no two are the same, even where all clients have the same address.
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
        /// How many clients came before it, and one.
        number: u64,
        /// Who it is.
        client: ClientAddress,
    },
    /// A client was turned away: by the `verify_request` hook, by
    /// `max_connections_per_address`, or because it came as the server stopped.
    Rejected {
        /// How many clients came before it, and one.
        number: u64,
        /// Who it is.
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
    /// The server stops: it accepts no new clients, and `active` handlers are asked to
    /// come to an end.
    Draining {
        /// How many are open.
        active: usize,
    },
    /// The drain took too long, or somebody called `shutdown_now`.
    CutOff {
        /// How many were still open.
        connections: usize,
    },
}

/// What a server has done so far. All numbers but `threads` are of the same moment.
///
/// Each client that was accepted is counted in exactly one other place:
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
    /// Clients that the operating system handed to us.
    pub accepted: u64,
    /// Clients that were turned away: by `verify_request`, by
    /// `max_connections_per_address`, or because they came as the server stopped.
    pub rejected: u64,
    /// Clients that are being served right now.
    pub active: usize,
    /// Clients whose handler returned `Ok`, and to which all was sent. (Whether the last
    /// packets of it arrive, the network decides, and `shutdown_now` doesn't wait for it.)
    pub finished: u64,
    /// Clients whose handler returned an error, or that got no thread.
    pub failed: u64,
    /// Clients whose handler panicked.
    pub panicked: u64,
    /// Clients that went away in the middle, see [`HandlerError::is_disconnect`].
    pub disconnected: u64,
    /// Clients that took too long, see [`HandlerError::is_timeout`].
    pub timed_out: u64,
    /// Clients that were still open when the drain ended.
    pub cut_off: u64,
    /// Handler threads alive, idle ones too.
    pub threads: usize,
}

/// Shows the clients, and only those numbers that aren't zero: `3 accepted: 2 finished, 1
/// cut off`.
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
