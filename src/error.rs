//! Why a connection ended other than well, and how panics are caught.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a connection ended other than well.
///
/// The hook set with [`ServerBuilder::handle_error`](crate::ServerBuilder::handle_error)
/// gets one. Python hands over whatever exception was raised.
///
/// ```
/// use std::io;
/// use socketserver::HandlerError;
///
/// let error = HandlerError::Io(io::ErrorKind::BrokenPipe.into());
/// assert!(error.is_disconnect());
/// ```
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
    /// Whether the client merely went away: a broken pipe, a reset, an end in the middle,
    /// a network that gave up. It happens every day and is counted, not reported.
    pub fn is_disconnect(&self) -> bool {
        use io::ErrorKind::{
            BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof,
        };
        let Self::Io(error) = self else { return false };
        matches!(
            error.kind(),
            BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
        ) || matches!(ClientError::of(error), Some(ClientError::Gone(_)))
    }

    /// Whether the client took longer than a limit of its request allows: a timeout or a
    /// deadline. That too happens every day and is counted, not reported.
    pub fn is_timeout(&self) -> bool {
        let Self::Io(error) = self else { return false };
        matches!(ClientError::of(error), Some(ClientError::TimedOut(_)))
    }

    /// The first of two results that is an error. The other one is dropped.
    pub(crate) fn first(
        one: Result<(), Self>,
        two: Result<(), Self>,
    ) -> Result<(), Self> {
        match (one, two) {
            (Err(one), Err(two)) => {
                two.dispose();
                Err(one)
            }
            (one, two) => one.and(two),
        }
    }

    /// Drops an error. What a handler's error is made of isn't ours, and may panic.
    pub(crate) fn dispose(self) {
        let _ = Self::catch(|| drop(self));
    }

    /// Runs code that isn't ours: a panic in it becomes an error like any other.
    ///
    /// `AssertUnwindSafe` is our word that what a panic leaves half done does no harm. It
    /// is true of what is ours: no code that isn't ours ever runs under a lock of the
    /// library. What belongs to the handler or the hook is the affair of its author.
    pub(crate) fn catch<T>(code: impl FnOnce() -> T) -> Result<T, Self> {
        catch_unwind(AssertUnwindSafe(code)).map_err(|payload| {
            let words = payload.downcast_ref::<&str>().copied();
            let words =
                words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let error = Self::Panic(words.unwrap_or("(no message)").to_owned());
            drop_payload(payload);
            error
        })
    }
}

/// What a panic was raised with isn't ours either: it may panic when it is dropped. What
/// *that* one was raised with may do the same, and so on, so it is never dropped.
fn drop_payload(payload: Box<dyn Any + Send>) {
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
    mem::forget(dropped);
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

impl Error for HandlerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
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

/// What was wrong with a line that a client sent.
///
/// The line methods of a request return it inside an [`io::Error`] of the kind
/// [`InvalidData`](io::ErrorKind::InvalidData). You can go on after it: the next call
/// begins with the next line.
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::{LineError, TcpRequest};
///
/// fn handle(request: &mut TcpRequest) -> io::Result<()> {
///     loop {
///         match request.next_line() {
///             Ok(Some(line)) => writeln!(request, "you said {line}")?,
///             Ok(None) => return Ok(()),
///             Err(error) => match LineError::of(&error) {
///                 Some(wrong) => writeln!(request, "sorry: {wrong}")?,
///                 None => return Err(error),
///             },
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LineError {
    /// It is longer than [`max_line`](crate::ServerBuilder::max_line) allows.
    TooLong {
        /// How many bytes are allowed, the line's end not counted.
        limit: usize,
    },
    /// It isn't UTF-8.
    NotUtf8,
}

impl LineError {
    /// The `LineError` inside an error, if there is one.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { limit } => write!(f, "the line is over {limit} bytes long"),
            Self::NotUtf8 => f.write_str("the line is not UTF-8"),
        }
    }
}

impl Error for LineError {}

impl From<LineError> for io::Error {
    fn from(error: LineError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// A mark on an error of a request's own socket, by which the server knows it again
/// among a handler's errors. A handler may fail with a `TimedOut` that has nothing to do
/// with its client.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// The client took too long; in words.
    TimedOut(String),
    /// The client, or the way to it, is gone, says the system.
    Gone(io::Error),
}

impl ClientError {
    /// The error for a client that took too long.
    pub(crate) fn timed_out(words: String) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, Self::TimedOut(words))
    }

    fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Marks an error of a client's socket, if it says that the client can't be reached
    /// any more.
    pub(crate) fn mark(error: io::Error) -> io::Error {
        use io::ErrorKind::{
            ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable,
            NotConnected, NotFound, TimedOut,
        };
        match error.kind() {
            // `NotFound` and `ConnectionRefused`: a Unix client has removed its socket,
            // or only its file is left. `TimedOut`: the network has given up.
            kind @ (ConnectionRefused | HostUnreachable | NetworkDown
            | NetworkUnreachable | NotConnected | NotFound | TimedOut) => {
                io::Error::new(kind, Self::Gone(error))
            }
            _ => error,
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(words) => f.write_str(words),
            Self::Gone(error) => error.fmt(f),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TimedOut(_) => None,
            Self::Gone(error) => Some(error),
        }
    }
}
