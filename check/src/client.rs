//! Clients of a solution. Each wait has a limit, and they describe in words what they
//! saw.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::broken::{Broken, difference, shown};
use crate::program::Server;

/// How long a client waits for what must arrive.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// How a read ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// As many bytes arrived as were asked for, or other ones did.
    Enough,
    /// End of file.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing more arrived for [`PATIENCE`].
    Silence,
}

/// What arrived, and how it ended.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) bytes: Vec<u8>,
    pub(crate) end: End,
}

/// A TCP client. It remembers what it has sent since the last reply.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    sent: Vec<u8>,
    has_ended: bool,
}

impl Client {
    /// Connects to a solution.
    pub(crate) fn connect(server: &Server<'_>) -> Result<Self, Broken> {
        Self::connect_to(server.addr)
    }

    /// Connects to another address of a solution.
    pub(crate) fn connect_to(addr: SocketAddr) -> Result<Self, Broken> {
        let stream = TcpStream::connect_timeout(&addr, PATIENCE).map_err(|error| {
            Broken::new(
                "Is your server still running, and does it still accept clients?",
            )
            .expected(format!("a client can connect to {addr}"))
            .received(format!("an error: {error}"))
        })?;
        // Each write is a separate packet, and a write that takes too long is an error.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Ok(Self { stream, sent: Vec::new(), has_ended: false })
    }

    /// Sends. If the server doesn't take it, the reply will show that.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let bytes = bytes.as_ref();
        self.sent.extend_from_slice(bytes);
        let _ = self.stream.write_all(bytes);
        self
    }

    /// Sends all of it before it reads, as most clients do.
    pub(crate) fn send_all(
        &mut self,
        bytes: &[u8],
    ) -> Result<&mut Self, std::io::Error> {
        self.sent.extend_from_slice(bytes);
        self.stream.write_all(bytes)?;
        Ok(self)
    }

    /// Sends pieces so far apart that each one is likely to arrive in a separate read.
    pub(crate) fn send_in_pieces(&mut self, pieces: &[&[u8]]) -> &mut Self {
        for piece in pieces {
            self.send(piece);
            thread::sleep(Duration::from_millis(60));
        }
        self
    }

    /// Sends until its own and the server's buffers are full, and reads nothing.
    pub(crate) fn flood(&mut self, bytes: &[u8]) -> &mut Self {
        let _ = self.stream.set_write_timeout(Some(Duration::from_millis(300)));
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until && self.stream.write_all(bytes).is_ok() {}
        self
    }

    /// Whether the server closed a connection whose buffers are full: a write then fails
    /// at once, instead of waiting for space.
    pub(crate) fn is_closed(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.stream.write(&[b'x'; 1024]) {
                Err(error) => break !is_silence(&error),
                Ok(_) if Instant::now() > until => break false, // the server still reads
                Ok(_) => {}
            }
        }
    }

    /// Says "that was all".
    pub(crate) fn end(&mut self) -> &mut Self {
        self.has_ended = true;
        let _ = self.stream.shutdown(Shutdown::Write);
        self
    }

    /// Another handle for the same connection.
    pub(crate) fn stream(&self) -> Option<TcpStream> {
        self.stream.try_clone().ok()
    }

    /// Resets the connection: closes it while a byte from the server is unread. It waits
    /// for that byte.
    pub(crate) fn reset(self) {
        let _ = self.stream.set_read_timeout(Some(PATIENCE));
        let _ = self.stream.peek(&mut [0]);
    }

    /// Whether something arrives within this time, or the connection ends. It stays
    /// unread.
    pub(crate) fn receives_within(&mut self, limit: Duration) -> bool {
        let _ = self.stream.set_read_timeout(Some(limit));
        !matches!(self.stream.peek(&mut [0]), Err(error) if is_silence(&error))
    }

    /// Reads up to `enough` bytes, for at most [`PATIENCE`] in all.
    pub(crate) fn read(&mut self, enough: usize) -> Got {
        self.read_while(PATIENCE, |bytes| bytes.len() < enough)
    }

    /// Reads byte after byte while `goes_on` says so, but not longer than `limit`.
    pub(crate) fn read_while(
        &mut self,
        limit: Duration,
        goes_on: impl Fn(&[u8]) -> bool,
    ) -> Got {
        let until = Instant::now() + limit;
        let mut bytes = Vec::new();
        let mut byte = [0];
        let end = loop {
            if !goes_on(&bytes) {
                break End::Enough;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.stream.set_read_timeout(Some(left)).is_err() {
                break End::Silence;
            }
            match self.stream.read(&mut byte) {
                Ok(0) => break End::Closed,
                Ok(_) => bytes.push(byte[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_silence(&error) => break End::Silence,
                Err(_) => break End::Reset,
            }
        };
        Got { bytes, end }
    }

    /// Reads one line, including its end.
    pub(crate) fn line(&mut self) -> Got {
        self.sent.clear();
        self.read_while(PATIENCE, |bytes| bytes.last() != Some(&b'\n'))
    }

    /// Expects exactly these bytes next.
    pub(crate) fn expect(
        &mut self,
        wanted: impl AsRef<[u8]>,
        think: impl FnOnce(&Got) -> &'static str,
    ) -> Result<(), Broken> {
        self.compare(wanted.as_ref(), false, think)
    }

    /// Expects exactly these bytes, and then end of file.
    pub(crate) fn expect_last(
        &mut self,
        wanted: impl AsRef<[u8]>,
        think: impl FnOnce(&Got) -> &'static str,
    ) -> Result<(), Broken> {
        self.compare(wanted.as_ref(), true, think)
    }

    fn compare(
        &mut self,
        wanted: &[u8],
        closes: bool,
        think: impl FnOnce(&Got) -> &'static str,
    ) -> Result<(), Broken> {
        let enough = wanted.len() + usize::from(closes);
        let mut got = self.read_while(PATIENCE, |bytes| {
            bytes.len() < enough && wanted.starts_with(bytes)
        });
        let is_right = got.bytes == wanted && (!closes || got.end == End::Closed);
        let sent = std::mem::take(&mut self.sent);
        if is_right {
            return Ok(());
        }
        if got.end == End::Enough {
            // Something else arrived. Read the rest of it, for the learner.
            let rest =
                self.read_while(Duration::from_millis(150), |bytes| bytes.len() < 200);
            got.bytes.extend(rest.bytes);
            got.end = if rest.end == End::Silence { End::Enough } else { rest.end };
        }
        let broken = Broken::new(think(&got));
        let broken = match (&sent[..], self.has_ended) {
            ([], false) => broken,
            ([], true) => broken.sent("nothing, and then end of file"),
            (sent, false) => broken.sent(shown(sent)),
            (sent, true) => broken.sent(format!("{}, then end of file", shown(sent))),
        };
        let then = if closes { ", then end of file" } else { "" };
        let broken = broken
            .expected(format!("{}{then}", shown(wanted)))
            .received(got.to_string());
        Err(match difference(wanted, &got.bytes) {
            Some(line) => broken.namely(line),
            None => broken,
        })
    }
}

impl std::fmt::Display for Got {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let then = match self.end {
            End::Enough => "",
            End::Closed => "end of file",
            End::Reset => "the connection was reset",
            End::Silence => "no more for four seconds",
        };
        match (self.bytes.is_empty(), then) {
            (true, "no more for four seconds") => write!(f, "nothing for four seconds"),
            (true, _) => f.write_str(then),
            (false, "") => f.write_str(&shown(&self.bytes)),
            (false, _) => write!(f, "{}, then {then}", shown(&self.bytes)),
        }
    }
}

impl Got {
    /// Whether the connection ended without a byte.
    pub(crate) fn is_nothing(&self) -> bool {
        self.bytes.is_empty() && self.end != End::Silence
    }
}

/// The thought for a connection that ended without a byte.
pub(crate) const NOTHING: &str =
    "The connection ended without a reply. Did an error end it, and what does it say?";

/// Whether a read ended because nothing arrived in time.
pub(crate) fn is_silence(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// A UDP client: one socket, so one address.
#[derive(Debug)]
pub(crate) struct Peer(UdpSocket);

impl Peer {
    /// A new socket for this server.
    pub(crate) fn new(server: &Server<'_>) -> Result<Self, Broken> {
        Self::to(server.addr).map_err(|error| {
            Broken::new("This machine has no socket left, which isn't your fault.")
                .expected("a socket")
                .received(error.to_string())
        })
    }

    fn to(server: SocketAddr) -> std::io::Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        Ok(Self(socket))
    }

    /// Sends a datagram.
    pub(crate) fn send(&self, data: impl AsRef<[u8]>) -> &Self {
        let _ = self.0.send(data.as_ref());
        self
    }

    /// The next datagram that arrives within `limit`.
    pub(crate) fn receive(&self, limit: Duration) -> Option<Vec<u8>> {
        let mut data = vec![0; 65_535];
        let until = Instant::now() + limit;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.0.set_read_timeout(Some(left)).ok()?;
            match self.0.recv(&mut data) {
                Ok(count) => return Some(data[..count].to_vec()),
                Err(error) if is_silence(&error) => return None,
                Err(_) => thread::sleep(Duration::from_millis(20)), // nothing listened there
            }
        }
    }

    /// Sends a datagram, and expects this reply next.
    pub(crate) fn expect(
        &self,
        sent: impl AsRef<[u8]>,
        wanted: impl AsRef<[u8]>,
        think: impl FnOnce(Option<&[u8]>) -> &'static str,
    ) -> Result<(), Broken> {
        let (sent, wanted) = (sent.as_ref(), wanted.as_ref());
        let got = self.send(sent).receive(PATIENCE);
        if got.as_deref() == Some(wanted) {
            return Ok(());
        }
        let received =
            got.as_deref().map_or("nothing for four seconds".to_owned(), shown);
        Err(Broken::new(think(got.as_deref()))
            .sent(shown(sent))
            .expected(shown(wanted))
            .received(received))
    }
}
