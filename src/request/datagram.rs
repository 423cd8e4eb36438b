//! A datagram, as its handler sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use socket2::SockAddr;

use crate::address::Address;
use crate::error::ClientError;
use crate::socket::datagrams::DatagramSocket;
use crate::socket::wake::after;
use crate::state::connections::Stage;
use crate::state::handle::ServerHandle;

/// A UDP datagram, as its handler sees it: a [`DatagramRequest`] with a
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

/// A Unix datagram, as its handler sees it: a [`DatagramRequest`] with a
/// [`client_address`](Self::client_address).
///
/// ```
/// use std::io;
/// use socketserver::UnixDatagramRequest;
///
/// /// Replies to clients that have an address.
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
/// The server replies only if the handler sends a reply.
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
    /// The receiving thread's buffer. It has one byte more than `max_packet_size`, to notice
    /// a datagram that is too long.
    buffer: Box<[u8]>,
    /// The length of the datagram in the buffer.
    length: usize,
    is_truncated: bool,
    client: A,
    /// The client's address, in the system's form: a reply goes there.
    reply_to: SockAddr,
    /// A reply has failed.
    has_failed: AtomicBool,
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
            has_failed: AtomicBool::new(false),
        })
    }

    /// The buffer, for the next datagram.
    pub(crate) fn into_buffer(self) -> Box<[u8]> {
        self.buffer
    }

    /// Whether a reply has failed. Otherwise a handler's error isn't about its client.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    pub(crate) fn client(&self) -> &A {
        &self.client
    }

    /// The datagram's bytes. There might be none: an empty datagram is a datagram.
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
    /// You can send none, one or several. If the call succeeds, the datagram is on its way,
    /// but it might not arrive.
    ///
    /// If a server listens on all addresses (`0.0.0.0`), the system picks the address from
    /// which a reply is sent. It might not be the one to which the client sent its datagram.
    /// If your machine has several addresses, listen on the one that your clients use.
    ///
    /// # Errors
    ///
    /// Fails if `bytes` are more than a datagram can carry (65,507 for UDP on IPv4), if the
    /// server has ended, and if a Unix client has no address. Fails with
    /// [`TimedOut`](io::ErrorKind::TimedOut) if there is no space for the datagram within
    /// `write_timeout`; a Unix client that doesn't read causes that.
    pub fn reply(&self, bytes: &[u8]) -> io::Result<()> {
        let result = self.send(bytes);
        self.has_failed.fetch_or(result.is_err(), Ordering::Relaxed);
        result
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let has_ended =
            || io::Error::new(io::ErrorKind::ConnectionAborted, "the server has ended");
        let socket = self.socket.upgrade().ok_or_else(has_ended)?;
        if self.reply_to.is_unnamed() {
            let message = "the client has no address, so you can't reply to it";
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
    /// The client's path. It begins with a zero byte if the address is *abstract*: a name
    /// without a file. `None` if the client has no address; then you can't reply to it.
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
