//! Writing to a connection from other threads.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Weak};

use super::timeouts::Timeouts;
use crate::socket::connection::Connection;

/// A writer to a TCP connection: what [`StreamWriter`] says.
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
/// What one `write_all` or one `writeln!` sends arrives in one piece, whatever other
/// threads send at the same time.
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
/// In Python, `sendall` makes no such promise: there you need a lock of your own.
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
    /// and then end of file. (A message that is just being written, to a client that
    /// reads too slowly, is broken off; then the client finds a reset.) Does nothing if the
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
    /// Sends what the system takes at once, which may be a part: use `write_all`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.timeouts.write(&*self.connection()?, bytes)
    }

    /// Sends all of it, in one piece: nothing that another thread writes comes between.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.timeouts.write_all(&*self.connection()?, bytes)
    }

    /// Does nothing: what was written has been sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What `write!` calls. The pieces of a text become one write.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").finish_non_exhaustive()
    }
}
