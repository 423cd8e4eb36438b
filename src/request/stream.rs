//! A connection, as its handler sees it.

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::{Arc, atomic::Ordering};
use std::time::Duration;

use super::lines::LineBuffer;
use super::source::{End, Source};
use super::timeouts::Timeouts;
use super::writer::StreamWriter;
use crate::address::Address;
use crate::error::{HandlerError, LineError};
use crate::socket::closing::Ending;
use crate::socket::connection::Connection;
use crate::state::handle::ServerHandle;

/// A TCP connection, as its handler sees it: a [`StreamRequest`] with a
/// [`client_address`](Self::client_address).
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::TcpRequest;
///
/// fn handle(request: &mut TcpRequest) -> io::Result<()> {
///     let client = request.client_address();
///     writeln!(request, "You are {client}.")
/// }
/// ```
pub type TcpRequest = StreamRequest<SocketAddr>;

/// A Unix connection, as its handler sees it: a [`StreamRequest`] with a
/// [`client_address`](Self::client_address).
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::UnixRequest;
///
/// fn handle(request: &mut UnixRequest) -> io::Result<()> {
///     let client = request.client_address().map(|path| path.display().to_string());
///     writeln!(request, "You are {}.", client.as_deref().unwrap_or("nobody"))
/// }
/// ```
#[cfg(unix)]
pub type UnixRequest = StreamRequest<PathBuf>;

/// A connection, as its handler sees it: a [`TcpRequest`], or a `UnixRequest`.
///
/// It is Python's `self.request`, `self.rfile` and `self.wfile` in one:
///
/// - You can read and write it like a socket ([`Read`], [`Write`]). One read returns the
///   bytes that have come: a part of a message, or several messages.
/// - You can read it line by line with [`next_line`](Self::next_line).
/// - It is a [`BufRead`] too, for code that needs one.
/// - Writes aren't buffered: each write is sent at once, and `writeln!` is one write.
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::TcpRequest;
///
/// fn handle(request: &mut TcpRequest) -> io::Result<()> {
///     while let Some(line) = request.next_line()? {
///         writeln!(request, "you said {line}")?;
///     }
///     Ok(())
/// }
/// ```
///
/// # Errors
///
/// These fail with [`TimedOut`](io::ErrorKind::TimedOut): reading, if the client is silent
/// for longer than `read_timeout`; writing, if the client doesn't read for longer than
/// `write_timeout`; and both after the [deadline](Self::set_deadline), or after the
/// connection has lasted for `session_timeout`. A handler can return such an error with
/// `?`. That ends its connection, and it is counted but not reported.
///
/// # How a connection ends
///
/// When the handler returns `Ok`, the client gets everything that was written, and then end
/// of file. When the handler panics, is cut off, or fails (except by a timeout while
/// reading), a TCP client finds its connection *reset* instead. So half a reply never looks
/// like a whole one.
///
/// The client can end its half first, and still gets the reply. The handler can't: there's
/// no `shutdown(SHUT_WR)` after which it could go on reading.
pub struct StreamRequest<A: Address> {
    source: Source,
    /// Bytes that were read for a line but not used yet.
    buffer: LineBuffer,
    /// The longest line, in bytes.
    max_line: usize,
    client: A,
    server: ServerHandle<A>,
}

impl<A: Address> StreamRequest<A> {
    pub(crate) fn new(
        connection: Arc<Connection>,
        client: A,
        server: ServerHandle<A>,
    ) -> Self {
        let options = &server.shared().options;
        let timeouts = Timeouts::from_options(options);
        Self {
            source: Source::new(connection, timeouts),
            buffer: LineBuffer::default(),
            max_line: options.max_line,
            client,
            server,
        }
    }

    /// The next line that the client sends, without its `\n` or `\r\n`; `None` when the
    /// client is done sending, or the server stops.
    ///
    /// The last line of a client that is done sending doesn't need an end. But when the server
    /// stops, a line whose end hasn't come yet isn't returned, because it might be the first
    /// half of a command. (For commands that change something, use
    /// [`read_line`](Self::read_line), and obey only lines that end with `\n`: a client that
    /// crashes can also leave half a line.)
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use socketserver::TcpRequest;
    ///
    /// fn handle(request: &mut TcpRequest) -> io::Result<()> {
    ///     while let Some(line) = request.next_line()? {
    ///         writeln!(request, "you said {line}")?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) when the line is longer than
    /// `max_line`, or isn't UTF-8: a [`LineError`] says which. You can go on after it:
    /// the next call reads the next line. Then the errors of
    /// [reading](StreamRequest#errors).
    pub fn next_line(&mut self) -> io::Result<Option<String>> {
        let mut line = String::new();
        if self.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.ends_with('\n') {
            line.pop();
            if line.ends_with('\r') {
                line.pop();
            }
        }
        Ok(Some(line))
    }

    /// Reads a line and appends it to `line`, including its `\n`. Python's `rfile.readline`.
    ///
    /// Returns the number of bytes; 0 means that the client is done sending, or that the
    /// server stops. Only a client that is done sending has a last line without `\n`.
    ///
    /// # Errors
    ///
    /// Those of [`next_line`](Self::next_line).
    pub fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        let mut bytes = Vec::new();
        let count = self.read_until(b'\n', &mut bytes)?;
        line.push_str(&String::from_utf8(bytes).map_err(|_| LineError::NotUtf8)?);
        Ok(count)
    }

    /// Reads up to and including the next `end`, or to end of file, and appends the bytes to
    /// `bytes`. Returns the number of bytes.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) if there are more than `max_line` bytes
    /// before the `end`; the next call of any method begins after that `end`. Then the errors
    /// of [reading](StreamRequest#errors). After any error `bytes` is unchanged, and after a
    /// timeout you can try again: no byte is lost.
    pub fn read_until(&mut self, end: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let found = self.buffer.find_line(end, self.max_line, &mut self.source)?;
        let count = match found {
            Some(length) => length,
            // Half a line. If our side ended, its other half might still be on its way.
            None if self.source.end == Some(End::We) => 0,
            None => self.buffer.waiting().len(),
        };
        bytes.extend_from_slice(&self.buffer.waiting()[..count]);
        self.buffer.consume(count);
        Ok(count)
    }

    /// Changes how long one read waits for a silent client, from now on: instead of
    /// [`read_timeout`](crate::ServerBuilder::read_timeout), for this connection only.
    /// `None` waits without a limit, and zero doesn't wait at all. Python's `settimeout`.
    pub fn set_read_timeout(&mut self, time: impl Into<Option<Duration>>) {
        self.source.timeouts.read = time.into();
    }

    /// Changes how long one write waits for a client that doesn't read, from now on:
    /// instead of [`write_timeout`](crate::ServerBuilder::write_timeout), for this
    /// connection only, and for writers that are made from now on. Python's `settimeout`.
    pub fn set_write_timeout(&mut self, time: impl Into<Option<Duration>>) {
        self.source.timeouts.write = time.into();
    }

    /// Sets a deadline for what comes next: after `time`, reads and writes fail. `None`
    /// removes it.
    ///
    /// A timeout begins again with each byte, so a client that sends a byte now and then
    /// can stretch one command for as long as it likes. A deadline doesn't move:
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use std::time::Duration;
    /// use socketserver::TcpRequest;
    ///
    /// /// Each command must be complete within ten seconds.
    /// fn handle(request: &mut TcpRequest) -> io::Result<()> {
    ///     loop {
    ///         request.set_deadline(Duration::from_secs(10));
    ///         let Some(command) = request.next_line()? else { return Ok(()) };
    ///         request.set_deadline(None); // the reply can take its time
    ///         writeln!(request, "doing {command}")?;
    ///     }
    /// }
    /// ```
    ///
    /// In Python, you have to compute the time that is left before each `recv`.
    /// [`session_timeout`](crate::ServerBuilder::session_timeout) is a deadline for the
    /// whole connection, which this doesn't change.
    pub fn set_deadline(&mut self, time: impl Into<Option<Duration>>) {
        self.source.timeouts.set_deadline(time.into());
    }

    /// A writer to this connection for other threads. With it they can send to the client
    /// while the handler waits for bytes from the client.
    ///
    /// It is cheap to clone. It doesn't keep the connection open: when the handler has
    /// ended, writing fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe).
    #[must_use]
    pub fn writer(&self) -> StreamWriter {
        let timeouts = self.source.timeouts.without_deadline();
        StreamWriter::new(&self.source.connection, timeouts)
    }

    /// The server that this connection belongs to. Python's `self.server`.
    pub fn server(&self) -> &ServerHandle<A> {
        &self.server
    }

    /// Makes the connection ready for its handler.
    #[cfg(feature = "tls")]
    pub(crate) fn prepare(&self) -> Result<(), HandlerError> {
        let options = &self.server.shared().options;
        let Some(certificate) = &options.tls else { return Ok(()) };
        let Source { connection, timeouts, .. } = &self.source;
        let time = options.handshake_timeout;
        timeouts.shake_hands(connection, certificate, time).map_err(HandlerError::Io)
    }

    /// Whether a read or a write has found that the conversation is over.
    pub(crate) fn has_ended(&self) -> bool {
        self.source.connection.has_ended.load(Ordering::Relaxed)
    }

    /// Begins to end the connection, well or badly, depending on the handler's `result`.
    /// Returns the connection's own result, and the steps that must follow.
    pub(crate) fn finish(
        self,
        result: Result<(), HandlerError>,
    ) -> (Result<(), HandlerError>, Ending) {
        let Source { connection, timeouts, end, .. } = self.source;
        // A client that was silent for too long has received everything that was meant for
        // it. After any other error, something might be missing.
        let is_well = result.as_ref().map_or_else(HandlerError::is_timeout, |()| true);
        // Before the handshake is over there is no reply that could be cut off. But there is
        // an alert that says what went wrong, and a reset would destroy it.
        #[cfg(feature = "tls")]
        let is_well = is_well || connection.is_shaking_hands();
        let client_ended = end == Some(End::Client);
        let until = || timeouts.end_of_write();
        let (sent, ending) = connection.finish(until, is_well, client_ended);
        (HandlerError::first(result, sent.map_err(HandlerError::Io)), ending)
    }
}

impl TcpRequest {
    /// The client's address and port. Python's `self.client_address`.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.client
    }
}

#[cfg(unix)]
impl UnixRequest {
    /// The client's path, if it has one. Most have none.
    #[must_use]
    pub fn client_address(&self) -> Option<&Path> {
        Some(&*self.client).filter(|path| !path.as_os_str().is_empty())
    }
}

impl<A: Address> Read for StreamRequest<A> {
    /// Reads the bytes that have come, or waits for some. 0 means that the client is done
    /// sending, or that the server stops. Python's `recv`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() {
            // Directly into the caller's buffer, without a copy.
            return self.source.read(buffer);
        }
        let count = self.buffer.fill(&mut self.source)?.read(buffer)?;
        self.buffer.consume(count);
        Ok(count)
    }
}

impl<A: Address> BufRead for StreamRequest<A> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.buffer.fill(&mut self.source)
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }

    // So that code that uses only `BufRead` obeys `max_line` too.
    fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        StreamRequest::read_line(self, line)
    }

    fn read_until(&mut self, end: u8, bytes: &mut Vec<u8>) -> io::Result<usize> {
        StreamRequest::read_until(self, end, bytes)
    }
}

impl<A: Address> Write for StreamRequest<A> {
    /// Sends what the system takes at once, which can be a part: use `write_all`.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.source.timeouts.write(&self.source.connection, bytes)
    }

    /// Sends all bytes, in one piece: no other thread's bytes come in between.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.source.timeouts.write_all(&self.source.connection, bytes)
    }

    /// Does nothing, because every write is sent at once.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Called by `write!`. The pieces of the text become one write, so they travel together.
    fn write_fmt(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        self.write_all(text.to_string().as_bytes())
    }
}

/// Lets you read and set the socket's options, for example with the crate `socket2`:
///
/// ```
/// use std::io;
/// use socketserver::TcpRequest;
///
/// // `cargo add socket2`
/// fn handle(request: &mut TcpRequest) -> io::Result<()> {
///     let socket = socket2::SockRef::from(&*request);
///     println!("the system buffers {} bytes", socket.send_buffer_size()?);
///     Ok(())
/// }
/// ```
///
/// For a Unix socket on Linux, `rustix::net::sockopt::socket_peercred` tells you which
/// process the client is. Don't read, write or shut down the socket behind the request's
/// back, and leave it non-blocking.
#[cfg(unix)]
impl<A: Address> std::os::fd::AsFd for StreamRequest<A> {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.source.connection.socket().as_fd()
    }
}

/// Lets you read and set the socket's options, for example with the crate `socket2`. Don't
/// read, write or shut it down behind the request's back.
#[cfg(windows)]
impl<A: Address> std::os::windows::io::AsSocket for StreamRequest<A> {
    fn as_socket(&self) -> std::os::windows::io::BorrowedSocket<'_> {
        self.source.connection.socket().as_socket()
    }
}

impl<A: Address> fmt::Debug for StreamRequest<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamRequest")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
