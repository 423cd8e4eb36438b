//! How long reading and writing may take, so that no client holds a thread for ever.

use std::io;
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::transport::Stream;
use crate::wake::after;

/// The timeouts of one connection.
///
/// The system measures a single read or write: the timeouts are set on the socket once,
/// and cost nothing after that. Only a limit on the whole session must be set anew
/// before each call, to the time that is left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    /// How long the session may last, and when that time is over.
    session: Option<(Duration, Instant)>,
}

impl Limits {
    /// The limits of a connection that begins now.
    pub(crate) fn from_options(options: &Options) -> Self {
        Self {
            read_timeout: options.read_timeout,
            write_timeout: options.write_timeout,
            session: options.session_timeout.and_then(|time| Some((time, after(time)?))),
        }
    }

    /// Nothing but a limit on all that follows together.
    pub(crate) fn for_session(time: Duration) -> Self {
        let session = after(time).map(|end| (time, end));
        Self { read_timeout: None, write_timeout: None, session }
    }

    /// Sets the timeouts that hold for every single read and write.
    pub(crate) fn apply<S: Stream>(&self, stream: &S) -> io::Result<()> {
        stream.set_read_timeout(self.read_timeout)?;
        stream.set_write_timeout(self.write_timeout)
    }

    /// Reads once.
    pub(crate) fn read<S: Stream>(
        &self,
        stream: &S,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        loop {
            if let Some(left) = self.left(self.read_timeout)? {
                stream.set_read_timeout(Some(left))?;
            }
            match stream.read(buffer) {
                // A signal came, and the system does not go on by itself.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    self.left(None)?; // says so if it is the session's time that is over
                    return timed_out("the client sent nothing for", self.read_timeout);
                }
                result => return result,
            }
        }
    }

    /// Writes once.
    pub(crate) fn write<S: Stream>(
        &self,
        stream: &S,
        bytes: &[u8],
    ) -> io::Result<usize> {
        loop {
            if let Some(left) = self.left(self.write_timeout)? {
                stream.set_write_timeout(Some(left))?;
            }
            match stream.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_timeout(&error) => {
                    self.left(None)?;
                    return timed_out("the client read nothing for", self.write_timeout);
                }
                result => return result,
            }
        }
    }

    /// When a write that begins now must be done.
    pub(crate) fn end_of_write(&self) -> Option<Instant> {
        let session_end = self.session.map(|(_, end)| end);
        self.write_timeout.and_then(after).into_iter().chain(session_end).min()
    }

    /// The timeout for the next call if the session is limited: `timeout`, or what is
    /// left of the session's time if that is less.
    fn left(&self, timeout: Option<Duration>) -> io::Result<Option<Duration>> {
        let Some((time, end)) = self.session else { return Ok(None) };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return timed_out("the session is over its limit of", Some(time));
        }
        // A timeout of less than a microsecond would mean "none" to the system.
        let left = left.max(Duration::from_micros(1));
        Ok(Some(timeout.map_or(left, |timeout| timeout.min(left))))
    }
}

/// Unix says `WouldBlock` when a timeout is over, Windows says `TimedOut`.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn timed_out<T>(what: &str, time: Option<Duration>) -> io::Result<T> {
    let time = time.unwrap_or_default();
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{what} {time:?}")))
}
