//! A datagram, as its handler sees it: to be looked at, and answered.

use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use crate::handle::ServerHandle;
use crate::transport::Datagrams;
use crate::wake;

/// A UDP datagram, as its handler sees it: what [`DatagramRequest`] says, and
/// [`client_address`](Self::client_address).
pub type UdpRequest = DatagramRequest<UdpSocket>;

/// A datagram, as its handler sees it: a [`UdpRequest`], or a `UnixDatagramRequest`.
///
/// In Python, `self.request` of a UDP server is the pair of data and socket.
/// A reply is sent when the handler sends one, and only then.
///
/// ```no_run
/// use std::io;
/// use socketserver::{RequestHandler, ThreadedServer, UdpRequest};
///
/// #[derive(Clone)]
/// struct Upper;
///
/// impl RequestHandler<UdpRequest> for Upper {
///     fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
///         request.reply(&request.data().to_ascii_uppercase())
///     }
/// }
///
/// ThreadedServer::udp("127.0.0.1:9999", Upper)?.serve_forever()?;
/// # io::Result::Ok(())
/// ```
pub struct DatagramRequest<S: Datagrams> {
    socket: Arc<S>,
    server: ServerHandle<S::Address>,
    /// The receiving thread's buffer: one byte longer than a datagram may be, to notice
    /// one that is too long.
    buffer: Box<[u8]>,
    /// The length of the datagram in the buffer.
    length: usize,
    is_truncated: bool,
    client: S::Client,
}

impl<S: Datagrams> DatagramRequest<S> {
    /// Receives a datagram into `buffer`, which the request keeps until
    /// [`into_buffer`](Self::into_buffer) gives it back.
    pub(crate) fn receive(
        socket: &Arc<S>,
        server: &ServerHandle<S::Address>,
        buffer: &mut Box<[u8]>,
    ) -> io::Result<Self> {
        let (length, client) = socket.receive(buffer)?;
        let max = buffer.len() - 1;
        Ok(Self {
            socket: Arc::clone(socket),
            server: server.clone(),
            buffer: std::mem::take(buffer),
            length: length.min(max),
            is_truncated: length > max,
            client,
        })
    }

    /// The buffer, for the next datagram.
    pub(crate) fn into_buffer(self) -> Box<[u8]> {
        self.buffer
    }

    pub(crate) fn client(&self) -> &S::Client {
        &self.client
    }

    /// The datagram's bytes. There may be none: an empty datagram is a datagram.
    pub fn data(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Whether the datagram was longer than
    /// [`max_packet_size`](crate::ServerBuilder::max_packet_size), and its end is lost.
    /// (Windows reports such a datagram as an error, and the handler never sees it.)
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Sends a datagram to the client. Python's `socket.sendto(data, client_address)`.
    ///
    /// You may send none, one or several. That the call succeeds does not mean that
    /// anybody receives it.
    ///
    /// # Errors
    ///
    /// Fails when `bytes` are more than a datagram can carry (65,507 for UDP on IPv4),
    /// with [`TimedOut`](io::ErrorKind::TimedOut) when the system has no room for it
    /// within `write_timeout`, and for a Unix client without a path, which cannot be
    /// answered.
    pub fn reply(&self, bytes: &[u8]) -> io::Result<()> {
        let timeout = self.server.shared().options.write_timeout;
        // The clock is not read for nothing: there is nearly always room.
        let mut until = None;
        loop {
            match self.socket.send(bytes, &self.client) {
                Ok(_) => return Ok(()), // a datagram is sent as a whole or not at all
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    until = until.or_else(|| timeout.and_then(wake::after));
                    if !wake::wait_writable(&*self.socket, until)? {
                        let message = "the system had no room for the reply";
                        return Err(io::Error::new(io::ErrorKind::TimedOut, message));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The server that received it. Python's `self.server`.
    pub fn server(&self) -> &ServerHandle<S::Address> {
        &self.server
    }
}

impl UdpRequest {
    /// The client's address and port. Python's `self.client_address`.
    pub fn client_address(&self) -> SocketAddr {
        self.client
    }
}

impl<S: Datagrams> fmt::Debug for DatagramRequest<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DatagramRequest");
        debug.field("client", &self.client).field("length", &self.length);
        debug.finish_non_exhaustive()
    }
}
