//! What happens in a server: for hooks, logs, statistics and the lessons' timelines.

use std::any::Any;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

/// Who a client is, whatever kind of socket it came by.
///
/// The hooks of a [`ServerBuilder`](crate::ServerBuilder) get one. It is the
/// `client_address` that Python's hooks get.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAddress {
    /// A TCP or UDP client.
    Ip(SocketAddr),
    /// A Unix client. Few have a path of their own; a stream client needs none.
    Unix(Option<PathBuf>),
}

impl ClientAddress {
    /// The client's IP address.
    ///
    /// An IPv4 client of an IPv6 server shows its IPv4 address here, not the mapped
    /// `::ffff:192.0.2.1`. A Unix client is on this machine, so its address is the
    /// loopback address.
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::Ip(address) => address.ip().to_canonical(),
            Self::Unix(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The client's IP address and port; `None` for a Unix client.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for ClientAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(Some(path)) => path.display().fmt(f),
            Self::Unix(None) => f.write_str("a local client"),
        }
    }
}

/// Why a connection ended other than well.
///
/// The hook set with [`ServerBuilder::handle_error`](crate::ServerBuilder::handle_error)
/// gets one. Python hands over whatever exception was raised.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandlerError {
    /// `setup`, `handle` or `finish` returned this error.
    Io(io::Error),
    /// The handler, or a hook that was asked about the connection, panicked with this
    /// message.
    Panic(String),
    /// The operating system had no thread left for the connection.
    Spawn(io::Error),
}

impl HandlerError {
    /// Whether the client has merely gone away: a broken pipe, a reset, an end in the
    /// middle. It happens every day and is counted, not reported.
    pub fn is_disconnect(&self) -> bool {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof,
        };
        match self {
            Self::Io(error) => matches!(
                error.kind(),
                BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
            ),
            Self::Panic(_) | Self::Spawn(_) => false,
        }
    }

    /// Runs code that is not ours: a panic in it becomes an error like any other.
    ///
    /// `AssertUnwindSafe` says that nobody looks at what a panic may have left half
    /// done. That holds: a handler and its request are dropped soon after.
    pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Self> {
        catch_unwind(AssertUnwindSafe(code))
            .map_err(|payload| Self::from_panic(&*payload))
    }

    /// The error for a panic, with the words it was raised with.
    fn from_panic(payload: &(dyn Any + Send)) -> Self {
        let words = payload.downcast_ref::<&str>().copied();
        let words =
            words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::Panic(words.unwrap_or("(no message)").to_owned())
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Spawn(error) => {
                write!(f, "no thread left for the connection: {error}")
            }
        }
    }
}

impl std::error::Error for HandlerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) | Self::Spawn(error) => Some(error),
            Self::Panic(_) => None,
        }
    }
}

impl From<HandlerError> for io::Error {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Io(error) => error,
            error => Self::other(error),
        }
    }
}

/// How a connection, or the handling of a datagram, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned `Ok`.
    Finished,
    /// The handler returned an error, or there was no thread for it.
    Failed,
    /// The handler panicked.
    Panicked,
    /// The client had gone away, see [`HandlerError::is_disconnect`].
    Disconnected,
    /// It was still open when the drain ended.
    CutOff,
}

impl From<&Result<(), HandlerError>> for Outcome {
    fn from(result: &Result<(), HandlerError>) -> Self {
        match result {
            Ok(()) => Self::Finished,
            Err(HandlerError::Panic(_)) => Self::Panicked,
            Err(error) if error.is_disconnect() => Self::Disconnected,
            Err(_) => Self::Failed,
        }
    }
}

/// Something that happened in a server.
///
/// The hook set with [`ServerBuilder::on_event`](crate::ServerBuilder::on_event) gets
/// each one on the thread where it happens, at the moment it happens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client was let in. Its handler has not started yet.
    Accepted {
        /// Who it is.
        client: ClientAddress,
    },
    /// A client was turned away by the `verify_request` hook.
    Refused {
        /// Who it is.
        client: ClientAddress,
    },
    /// A handler starts, on this thread.
    Started {
        /// Whom it serves.
        client: ClientAddress,
    },
    /// A handler has ended, on this thread.
    Ended {
        /// Whom it served.
        client: ClientAddress,
        /// How it ended.
        outcome: Outcome,
    },
    /// The operating system would not let a client in, or had no thread for it. The
    /// server waits before it tries again.
    Exhausted {
        /// What the operating system said.
        error: String,
        /// How long the server waits, unless a connection ends before that.
        retry_in: Duration,
    },
    /// The server stops: nobody is let in from now on, and `active` handlers are asked
    /// to come to an end.
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
/// `accepted = refused + active + finished + failed + panicked + disconnected + cut_off`
///
/// For a UDP server a datagram counts as a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Clients the operating system handed to us.
    pub accepted: u64,
    /// Clients turned away: by `verify_request`, or because they came as the server
    /// stopped.
    pub refused: u64,
    /// Clients being served right now.
    pub active: usize,
    /// Clients whose handler returned `Ok`.
    pub finished: u64,
    /// Clients whose handler returned an error, or that got no thread.
    pub failed: u64,
    /// Clients whose handler panicked.
    pub panicked: u64,
    /// Clients that went away in the middle, see [`HandlerError::is_disconnect`].
    pub disconnected: u64,
    /// Clients still open when the drain ended.
    pub cut_off: u64,
    /// Handler threads alive, idle ones too.
    pub threads: usize,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted, {} refused, ", self.accepted, self.refused)?;
        write!(f, "{} active, {} finished, ", self.active, self.finished)?;
        write!(f, "{} failed, {} panicked, ", self.failed, self.panicked)?;
        write!(f, "{} disconnected, {} cut off", self.disconnected, self.cut_off)
    }
}
