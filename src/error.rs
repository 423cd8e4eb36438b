//! Why a connection ended badly, and how panics are caught.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a connection ended badly.
///
/// The hook set with [`ServerBuilder::handle_error`](crate::ServerBuilder::handle_error)
/// is called with one. Python's hook gets the exception that was raised.
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
    /// Whether the client merely went away: a broken pipe, a reset, an unexpected end of
    /// file, a network failure. This happens every day, so it is counted but not reported.
    ///
    /// A handler that connects onward can fail in the same words, because *that* connection
    /// broke. If its client hasn't gone, the server counts a failure and reports it.
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

    /// Whether the client took too long: a timeout or a deadline of its request ran out.
    /// This happens every day too, so it is counted but not reported.
    pub fn is_timeout(&self) -> bool {
        let Self::Io(error) = self else { return false };
        matches!(ClientError::of(error), Some(ClientError::TimedOut(_)))
    }

    /// The first error of two results. A second error is dropped.
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

    /// Drops an error. A handler's error can contain a value whose `drop` panics.
    pub(crate) fn dispose(self) {
        let _ = Self::catch(|| drop(self));
    }

    /// Runs code that isn't ours: a panic in it becomes an error like any other.
    ///
    /// `AssertUnwindSafe` is our promise that nothing a panic leaves half done does harm.
    /// For our own data that's true, because we never run such code under one of our locks.
    /// The data of a handler or a hook is its author's responsibility.
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

/// A panic's payload isn't ours either, and dropping it can panic. The payload of *that*
/// panic could do the same, and so on, so the second one is never dropped.
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
        /// How many bytes are allowed, not counting the line's end.
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

/// Marks an error of the request's own socket, so that the server recognizes it when the
/// handler returns it. A handler can also fail with a `TimedOut` that has nothing to do
/// with its client.
#[derive(Debug)]
pub(crate) enum ClientError {
    /// The client took too long, with the words to say so.
    TimedOut(String),
    /// The operating system reports that the client can't be reached any more.
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
