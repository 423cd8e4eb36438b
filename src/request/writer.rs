//! Writing to a connection from other threads.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Weak};

use super::timeouts::Timeouts;
use crate::socket::connection::Connection;

/// A writer to a TCP connection, see [`StreamWriter`].
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::TcpWriter;
///
/// fn announce(guests: &mut [TcpWriter], text: &str) -> io::Result<()> {
///     guests.iter_mut().try_for_each(|guest| writeln!(guest, "{text}"))
/// }
/// ```
pub type TcpWriter = StreamWriter;

/// Writes to a connection from another thread; get one from
/// [`StreamRequest::writer`](crate::StreamRequest::writer).
///
/// The bytes of one `write_all` or one `writeln!` arrive in one piece, even if other threads
/// send at the same time.
///
/// ```
/// use std::io::{self, Read, Write};
/// use std::thread;
/// use socketserver::TcpRequest;
///
/// /// Counts while the handler waits for the client to end.
/// fn handle(request: &mut TcpRequest) -> io::Result<()> {
///     let mut writer = request.writer();
///     let counter = thread::spawn(move || (1..=3).try_for_each(|n| writeln!(writer, "{n}")));
///     let mut rest = Vec::new();
///     request.read_to_end(&mut rest)?;
///     counter.join().expect("counting doesn't panic")
/// }
/// ```
///
/// Python's `sendall` makes no such promise, so there you need a lock of your own.
#[derive(Clone)]
pub struct StreamWriter {
    /// Weak, so that a forgotten writer keeps no connection open.
    connection: Weak<Connection>,
    timeouts: Timeouts,
}

impl StreamWriter {
    pub(super) fn new(connection: &Arc<Connection>, timeouts: Timeouts) -> Self {
        connection.prepare_to_hang_up();
        Self { connection: Arc::downgrade(connection), timeouts }
    }

    /// Ends the conversation: the handler's next read returns end of file, and all further
    /// writes fail. When the handler has ended, the client gets what was written before,
    /// and then end of file. (If a message is just being written, and the client reads too
    /// slowly, the message is cut off and the client finds a reset.) Does nothing if the
    /// connection has ended.
    pub fn shutdown(&self) {
        if let Some(connection) = self.connection.upgrade() {
            connection.hang_up();
        }
    }

    /// The connection, if it is still there.
    fn connection(&self) -> io::Result<Arc<Connection>> {
        self.connection.upgrade().ok_or_else(|| {
            io::Error::new(io::ErrorKind::BrokenPipe, "the connection has ended")
        })
    }
}

impl Write for StreamWriter {
    /// Sends what the system takes at once, which can be a part: use `write_all`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.timeouts.write(&*self.connection()?, bytes)
    }

    /// Sends all bytes, in one piece: no other thread's bytes come in between.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.timeouts.write_all(&*self.connection()?, bytes)
    }

    /// Does nothing, because every write is sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called by `write!`. The pieces of the text become one write.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").finish_non_exhaustive()
    }
}
