//! The kinds of server: TCP, UDP, Unix streams and datagrams, and from a bound socket.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
#[cfg(unix)]
use std::path::{Path, PathBuf};

#[cfg(unix)]
use socket2::Type;

use crate::builder::ServerBuilder;
use crate::handler::RequestHandler;
use crate::request::datagram::UdpRequest;
#[cfg(unix)]
use crate::request::datagram::UnixDatagramRequest;
use crate::request::stream::TcpRequest;
#[cfg(unix)]
use crate::request::stream::UnixRequest;
use crate::serve::transport::Transport;
use crate::serve::{ThreadedServer, accept, receive};
use crate::socket::bind;
#[cfg(unix)]
use crate::socket::unix;

impl ThreadedServer {
    /// A TCP server with the default options.
    ///
    /// # Errors
    ///
    /// Fails if the address can't be resolved or bound, and says which address it was.
    pub fn tcp<A, H>(address: A, handler: H) -> io::Result<Self>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<TcpRequest>,
    {
        Self::builder().tcp(address, handler)
    }

    /// A UDP server with the default options.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn udp<A, H>(address: A, handler: H) -> io::Result<Self>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<UdpRequest>,
    {
        Self::builder().udp(address, handler)
    }

    /// A server of any kind, with your own options.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::new()
    }
}

#[cfg(unix)]
impl ThreadedServer<PathBuf> {
    /// A Unix stream server with the default options, see [`ServerBuilder::unix`].
    ///
    /// # Errors
    ///
    /// As for [`ServerBuilder::unix`].
    pub fn unix<H>(path: impl AsRef<Path>, handler: H) -> io::Result<Self>
    where
        H: RequestHandler<UnixRequest>,
    {
        ThreadedServer::builder().unix(path, handler)
    }

    /// A Unix datagram server with the default options, see
    /// [`ServerBuilder::unix_datagram`].
    ///
    /// # Errors
    ///
    /// As for [`ServerBuilder::unix`].
    pub fn unix_datagram<H>(path: impl AsRef<Path>, handler: H) -> io::Result<Self>
    where
        H: RequestHandler<UnixDatagramRequest>,
    {
        ThreadedServer::builder().unix_datagram(path, handler)
    }
}

/// # Kinds of server
///
/// Each of these makes the server: it is bound, and listening, when the call returns.
impl ServerBuilder {
    /// A TCP server. Python's `ThreadingTCPServer`.
    ///
    /// # Errors
    ///
    /// Fails if the address can't be resolved or bound, and says which address it was. Fails
    /// with [`InvalidInput`](io::ErrorKind::InvalidInput) if an option makes no sense, for
    /// example a timeout of zero.
    pub fn tcp<A, H>(self, address: A, handler: H) -> io::Result<ThreadedServer>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<TcpRequest>,
    {
        self.setup.check()?;
        let listener = bind::tcp(&address, &self.setup.options)?;
        accept::server(listener, None, handler, self.setup)
    }

    /// A UDP server. Python's `ThreadingUDPServer`.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn udp<A, H>(self, address: A, handler: H) -> io::Result<ThreadedServer>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<UdpRequest>,
    {
        self.setup.check_datagrams()?;
        let socket = bind::udp(&address, &self.setup.options)?;
        receive::server(socket, None, handler, self.setup)
    }

    /// A Unix stream server (on Unix only). Python's `ThreadingUnixStreamServer`.
    ///
    /// The socket's file is created now, and removed when the server ends. A file that a dead
    /// server left behind is replaced, but never the file of a live server. On Linux, a path
    /// that begins with a zero byte is an *abstract* address, which needs no file.
    ///
    /// # Errors
    ///
    /// Fails if the path can't be bound, and says which path it was. Fails with
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) if a server is listening there, or if the file
    /// isn't a socket; and with [`InvalidInput`](io::ErrorKind::InvalidInput) if an option
    /// makes no sense.
    #[cfg(unix)]
    pub fn unix<H>(
        self,
        path: impl AsRef<Path>,
        handler: H,
    ) -> io::Result<ThreadedServer<PathBuf>>
    where
        H: RequestHandler<UnixRequest>,
    {
        self.setup.check()?;
        let (listener, file) =
            unix::bind(path.as_ref(), Type::STREAM, &self.setup.options)?;
        accept::server(listener, file, handler, self.setup)
    }

    /// A Unix datagram server (on Unix only). Python's `ThreadingUnixDatagramServer`.
    ///
    /// A client that wants a reply must bind an address of its own. Replies that clients
    /// haven't read yet count against the server's one [`send_buffer`](Self::send_buffer): a
    /// connected client that never reads can fill it, and then no client gets a reply. So
    /// accept only clients that you trust ([`file_mode`](Self::file_mode)), or make the
    /// buffer large.
    ///
    /// # Errors
    ///
    /// As for [`unix`](Self::unix).
    #[cfg(unix)]
    pub fn unix_datagram<H>(
        self,
        path: impl AsRef<Path>,
        handler: H,
    ) -> io::Result<ThreadedServer<PathBuf>>
    where
        H: RequestHandler<UnixDatagramRequest>,
    {
        self.setup.check_datagrams()?;
        let (socket, file) =
            unix::bind(path.as_ref(), Type::DGRAM, &self.setup.options)?;
        receive::server(socket, file, handler, self.setup)
    }

    /// A server on a socket that is bound already: one that your program inherited, or one
    /// with options that this builder doesn't have. It takes a
    /// [`TcpListener`](std::net::TcpListener), a [`UdpSocket`](std::net::UdpSocket), and
    /// on Unix a `UnixListener` or a `UnixDatagram`. The socket becomes non-blocking, for
    /// other processes that have it too.
    ///
    /// Several processes can have the same socket, and share its clients. Make the server
    /// after the fork, in each process: a server doesn't survive a fork.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn from_socket<S, H>(
        self,
        socket: S,
        handler: H,
    ) -> io::Result<ThreadedServer<S::Address>>
    where
        S: Transport,
        H: RequestHandler<S::Request>,
    {
        self.setup.check()?;
        socket.into_server(handler, self.setup)
    }
}
