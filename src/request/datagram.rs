//! A datagram, as its handler sees it: to be looked at, and answered.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use socket2::SockAddr;

use crate::address::Address;
use crate::error::ClientError;
use crate::socket::datagrams::DatagramSocket;
use crate::socket::wake::after;
use crate::state::connections::Stage;
use crate::state::handle::ServerHandle;

/// A UDP datagram, as its handler sees it: what [`DatagramRequest`] says, and
/// [`client_address`](Self::client_address).
///
/// ```
/// use std::io;
/// use socketserver::UdpRequest;
///
/// fn handle(request: &mut UdpRequest) -> io::Result<()> {
///     let client = request.client_address();
///     request.reply(format!("You are {client}.").as_bytes())
/// }
/// ```
pub type UdpRequest = DatagramRequest<SocketAddr>;

/// A Unix datagram, as its handler sees it: what [`DatagramRequest`] says, and
/// [`client_address`](Self::client_address).
///
/// ```
/// use std::io;
/// use socketserver::UnixDatagramRequest;
///
/// /// Answers those that can be answered.
/// fn handle(request: &mut UnixDatagramRequest) -> io::Result<()> {
///     match request.client_address() {
///         Some(_) => request.reply(request.data()),
///         None => Ok(()),
///     }
/// }
/// ```
#[cfg(unix)]
pub type UnixDatagramRequest = DatagramRequest<PathBuf>;

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
pub struct DatagramRequest<A: Address> {
    /// Weak, so that a slow handler doesn't keep the port when the server has ended.
    socket: Weak<DatagramSocket>,
    server: ServerHandle<A>,
    /// The receiving thread's buffer: one byte longer than a datagram may be, to notice
    /// one that is too long.
    buffer: Box<[u8]>,
    /// The length of the datagram in the buffer.
    length: usize,
    is_truncated: bool,
    client: A,
    /// The client's address as the system gave it: a reply goes there.
    reply_to: SockAddr,
}

impl<A: Address> DatagramRequest<A> {
    /// Receives a datagram into `buffer`, which the request keeps until
    /// [`into_buffer`](Self::into_buffer) gives it back.
    pub(crate) fn receive(
        socket: &Arc<DatagramSocket>,
        server: &ServerHandle<A>,
        buffer: &mut Box<[u8]>,
    ) -> io::Result<Self> {
        let (length, reply_to) = socket.receive(buffer)?;
        let client = A::new(&reply_to)?;
        let max = buffer.len() - 1;
        Ok(Self {
            socket: Arc::downgrade(socket),
            server: server.clone(),
            buffer: std::mem::take(buffer),
            length: length.min(max),
            is_truncated: length > max,
            client,
            reply_to,
        })
    }

    /// The buffer, for the next datagram.
    pub(crate) fn into_buffer(self) -> Box<[u8]> {
        self.buffer
    }

    pub(crate) fn client(&self) -> &A {
        &self.client
    }

    /// The datagram's bytes. There may be none: an empty datagram is a datagram.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Whether the datagram was longer than
    /// [`max_packet_size`](crate::ServerBuilder::max_packet_size), and its end is lost.
    /// (Windows reports such a datagram as an error, and the handler never sees it.)
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.is_truncated
    }

    /// Sends a datagram to the client. Python's `socket.sendto(data, client_address)`.
    ///
    /// You may send none, one or several. That the call succeeds doesn't mean that
    /// anybody receives it.
    ///
    /// A server that listens on all addresses (`0.0.0.0`) sends from the one that the
    /// system finds nearest to the client, which may not be the one that was asked. If
    /// your machine has several, listen on the one that your clients use.
    ///
    /// # Errors
    ///
    /// Fails when `bytes` are more than a datagram can carry (65,507 for UDP on IPv4),
    /// and with [`TimedOut`](io::ErrorKind::TimedOut) when there is no space for it within
    /// `write_timeout`: for a Unix client, because it doesn't read what it was sent
    /// before. Also when the server has ended, and for a Unix client without an address,
    /// which can't be answered.
    pub fn reply(&self, bytes: &[u8]) -> io::Result<()> {
        let has_ended =
            || io::Error::new(io::ErrorKind::ConnectionAborted, "the server has ended");
        let socket = self.socket.upgrade().ok_or_else(has_ended)?;
        if self.reply_to.is_unnamed() {
            let message = "the client has no address, so it can't be answered";
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
        }
        let shared = self.server.shared();
        let timeout = shared.options.write_timeout;
        let is_over = || shared.registry.stage() == Stage::Cut;
        let until = || timeout.and_then(after);
        match socket.send(bytes, &self.reply_to, until, is_over) {
            Ok(true) => Ok(()),
            Ok(false) if is_over() => Err(has_ended()),
            Ok(false) => {
                let words = "there was no space for the reply for";
                let time = timeout.unwrap_or_default();
                Err(ClientError::timed_out(format!("{words} {time:?}")))
            }
            Err(error) => Err(ClientError::mark(error)),
        }
    }

    /// The server that received it. Python's `self.server`.
    pub fn server(&self) -> &ServerHandle<A> {
        &self.server
    }
}

impl UdpRequest {
    /// The client's address and port. Python's `self.client_address`.
    #[must_use]
    pub fn client_address(&self) -> SocketAddr {
        self.client
    }
}

#[cfg(unix)]
impl UnixDatagramRequest {
    /// The client's path. It begins with a zero byte for an *abstract* address, which is a
    /// name and no file. A client that has none at all can't be answered.
    #[must_use]
    pub fn client_address(&self) -> Option<&Path> {
        Some(&*self.client).filter(|path| !path.as_os_str().is_empty())
    }
}

impl<A: Address> fmt::Debug for DatagramRequest<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("DatagramRequest");
        debug.field("client", &self.client).field("length", &self.length);
        debug.finish_non_exhaustive()
    }
}
