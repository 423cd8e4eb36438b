//! A connection, as its handler sees it: to be read, written, and closed with care.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Weak};
use std::time::Duration;

use crate::handle::ServerHandle;
use crate::limits::Limits;
use crate::lines::LineBuffer;
use crate::transport::Stream;
use crate::wake;

/// A TCP connection, as its handler sees it: what [`StreamRequest`] says, and
/// [`client_address`](Self::client_address).
pub type TcpRequest = StreamRequest<TcpStream>;

/// Writes to a TCP connection from another thread, see [`StreamRequest::writer`].
pub type TcpWriter = StreamWriter<TcpStream>;

/// A connection, as its handler sees it: a [`TcpRequest`], or a `UnixRequest`.
///
/// It is what Python calls `self.request`, and `self.rfile` and `self.wfile` as well:
/// it can be read and written like a socket ([`Read`], [`Write`]), and read by lines
/// ([`read_line`](Self::read_line), [`lines`](Self::lines)). A read asks the system once
/// and returns what has come: a part of a message, or several. Nothing is held back
/// when writing: each write is sent, and `writeln!` is one write.
///
/// # Errors
///
/// Reading fails with [`TimedOut`](io::ErrorKind::TimedOut) when the client is silent
/// for longer than `read_timeout`, writing when it does not read for longer than
/// `write_timeout`, and both when the connection has lasted longer than
/// `session_timeout`.
pub struct StreamRequest<S: Stream> {
    /// Shared with the book of connections, so that another thread can shut it down.
    stream: Arc<S>,
    client: S::Client,
    server: ServerHandle<S::Address>,
    limits: Limits,
    /// Bytes that were read for a line and not used yet.
    buffer: LineBuffer,
    /// The longest line, in bytes.
    max_line: usize,
    /// The client has nothing more to say.
    at_end: bool,
}

/// How long closing waits for a client that is still sending.
const LINGER: Duration = Duration::from_secs(2);

impl<S: Stream> StreamRequest<S> {
    pub(crate) fn new(
        stream: Arc<S>,
        client: S::Client,
        server: ServerHandle<S::Address>,
    ) -> Self {
        let options = &server.shared().options;
        Self {
            stream,
            client,
            limits: Limits::from_options(options),
            buffer: LineBuffer::default(),
            max_line: options.max_line,
            at_end: false,
            server,
        }
    }

    /// Reads a line and appends it to `line`, its `\n` too. Python's `rfile.readline`.
    ///
    /// Returns the number of bytes; 0 means that the client has nothing more to say. The
    /// last line may come without its `\n`.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) when the line is longer than
    /// `max_line`, or is not UTF-8. You may go on after it: the next call reads the next
    /// line. Then the errors of [reading](StreamRequest#errors).
    pub fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let count = self.read_until(b'\n', &mut bytes)?;
        let text = String::from_utf8(bytes).map_err(|_| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the client sent a line that is not UTF-8",
            )
        })?;
        line.push_str(&text);
        Ok(count)
    }

    /// Reads up to and including the next `end`, or to the end of what the client has to
    /// say, and appends it to `bytes`. Returns the number of bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) when it is longer than `max_line`,
    /// the `end` not counted; the next call begins behind the next `end`. Then the
    /// errors of [reading](StreamRequest#errors). After any error `bytes` is as it was,
    /// and after a timeout you may try again: no byte is lost.
    pub fn read_until(&mut self, end: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let mut read = reader(&self.limits, &*self.stream, &mut self.at_end);
        self.buffer.read_until(end, self.max_line, bytes, &mut read)
    }

    /// The lines that the client sends, without their `\n` or `\r\n`, until it has
    /// nothing more to say.
    ///
    /// An error may be followed by more lines, if it was one of
    /// [`read_line`](Self::read_line)'s own. After any other, the iterator ends.
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use socketserver::TcpRequest;
    ///
    /// fn handle(request: &mut TcpRequest) -> io::Result<()> {
    ///     while let Some(line) = request.lines().next() {
    ///         writeln!(request, "you said {}", line?)?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn lines(&mut self) -> Lines<'_, S> {
        Lines { request: Some(self) }
    }

    /// A writer to this connection for other threads, so that they can speak to the
    /// client while the handler waits for what it says.
    ///
    /// It is cheap to clone. It does not keep the connection open: when the handler has
    /// ended, writing fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    pub fn writer(&self) -> StreamWriter<S> {
        StreamWriter { stream: Arc::downgrade(&self.stream), limits: self.limits }
    }

    /// The server that this connection belongs to. Python's `self.server`.
    pub fn server(&self) -> &ServerHandle<S::Address> {
        &self.server
    }

    pub(crate) fn client(&self) -> &S::Client {
        &self.client
    }

    /// Makes the socket ready for the handler.
    pub(crate) fn prepare(&self) -> io::Result<()> {
        self.stream.prepare(self.server.shared().options.nodelay)?;
        self.limits.apply(&*self.stream)
    }

    /// Ends the connection so that the client gets all that was written.
    ///
    /// To close a socket with unread bytes in it resets the connection, and so does every
    /// byte that comes afterwards. A reset destroys a reply that has not been sent yet.
    /// So see that it is sent, say that nothing more will come, and then read on for a
    /// moment what nobody is interested in any more.
    pub(crate) fn close(self) {
        // When the client has ended, nothing is unread, and closing alone will do. But it
        // may be the end that a stopping server made: the client does not know of that.
        // Or a writer may be at work on another thread: it would not let it be closed.
        let has_writers = Arc::weak_count(&self.stream) > 0;
        if self.at_end && !has_writers && !self.server.is_shutting_down() {
            return;
        }
        self.stream.wait_until_sent(self.limits.end_of_write());
        self.stream.shut_down(Shutdown::Write);
        if self.at_end || !wake::is_readable(&*self.stream) {
            return;
        }
        let limits = Limits::for_session(LINGER);
        let mut discarded = [0; 4096];
        while let Ok(1..) = limits.read(&*self.stream, &mut discarded) {}
    }
}

/// How a request reads from its socket: once, within its limits, and noticing the end.
fn reader<S: Stream>(
    limits: &Limits,
    stream: &S,
    at_end: &mut bool,
) -> impl FnMut(&mut [u8]) -> io::Result<usize> {
    move |buffer| {
        let count = limits.read(stream, buffer)?;
        *at_end |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}

impl TcpRequest {
    /// The client's address and port. Python's `self.client_address`.
    pub fn client_address(&self) -> SocketAddr {
        *self.client()
    }
}

impl<S: Stream> Read for StreamRequest<S> {
    /// Reads what has come, or waits for something to come. 0 means that the client has
    /// nothing more to say, or that the server stops. Python's `recv`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.buffer.waiting().is_empty() {
            let count = self.buffer.waiting().read(buffer)?;
            self.buffer.consume(count);
            return Ok(count);
        }
        // Straight into the caller's buffer: no copy, and no memory for one.
        reader(&self.limits, &*self.stream, &mut self.at_end)(buffer)
    }
}

impl<S: Stream> BufRead for StreamRequest<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.waiting().is_empty() {
            let mut read = reader(&self.limits, &*self.stream, &mut self.at_end);
            self.buffer.read_more(&mut read)?;
        }
        Ok(self.buffer.waiting())
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    // Code that knows only `BufRead` obeys `max_line` too.
    fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        StreamRequest::read_line(self, line)
    }

    fn read_until(&mut self, end: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        StreamRequest::read_until(self, end, bytes)
    }
}

impl<S: Stream> Write for StreamRequest<S> {
    /// Sends what the system takes at once, which may be a part: use `write_all`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.limits.write(&*self.stream, bytes)
    }

    /// Does nothing: what was written has been sent.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// What `write!` calls. The pieces of a text become one write, so they travel
    /// together.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }
}

impl<S: Stream> fmt::Debug for StreamRequest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Writes to a connection from another thread: a [`TcpWriter`], or a `UnixWriter`. See
/// [`StreamRequest::writer`].
pub struct StreamWriter<S: Stream> {
    /// Weak, so that a forgotten writer keeps no connection open.
    stream: Weak<S>,
    limits: Limits,
}

impl<S: Stream> StreamWriter<S> {
    /// Ends the connection in both directions: the handler's next read returns end of
    /// file, and its next write fails. Does nothing if the connection has ended.
    pub fn shutdown(&self) {
        if let Some(stream) = self.stream.upgrade() {
            stream.shut_down(Shutdown::Both);
        }
    }
}

impl<S: Stream> Write for StreamWriter<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stream = self.stream.upgrade();
        let stream = stream.ok_or_else(|| {
            io::Error::new(io::ErrorKind::BrokenPipe, "the connection has ended")
        })?;
        self.limits.write(&*stream, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }
}

impl<S: Stream> Clone for StreamWriter<S> {
    fn clone(&self) -> Self {
        Self { stream: Weak::clone(&self.stream), limits: self.limits }
    }
}

impl<S: Stream> fmt::Debug for StreamWriter<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWriter").finish_non_exhaustive()
    }
}

/// The lines of a connection, see [`StreamRequest::lines`].
#[derive(Debug)]
pub struct Lines<'a, S: Stream> {
    /// `None` when there can be no more.
    request: Option<&'a mut StreamRequest<S>>,
}

impl<S: Stream> Iterator for Lines<'_, S> {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<io::Result<String>> {
        let mut line = String::new();
        let result = self.request.as_mut()?.read_line(&mut line);
        match result {
            Ok(0) => return None,
            Err(error) => {
                if error.kind() != io::ErrorKind::InvalidData {
                    self.request = None;
                }
                return Some(Err(error));
            }
            Ok(_) => {}
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Some(Ok(line))
    }
}
