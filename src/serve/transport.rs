//! The sockets of the standard library that a server can be made from.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener};
#[cfg(unix)]
use std::path::PathBuf;

use super::{ThreadedServer, accept, receive};
use crate::address::Sealed;
use crate::handler::RequestHandler;
use crate::options::Setup;
use crate::request::datagram::DatagramRequest;
use crate::request::stream::StreamRequest;

/// A socket that a server can be made from, with
/// [`ServerBuilder::from_socket`](crate::ServerBuilder::from_socket): a
/// [`TcpListener`], a [`UdpSocket`], and on Unix a `UnixListener` or a `UnixDatagram`.
///
/// ```
/// use std::io::Write;
/// use std::net::TcpListener;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let server = ThreadedServer::builder().from_socket(
///     listener,
///     |request: &mut TcpRequest| request.write_all(b"Thank you for connecting"),
/// )?;
/// # std::io::Result::Ok(())
/// ```
///
/// The trait is sealed: you can't implement it for other types.
pub trait Transport: Sealed + Sized {
    /// The kind of request that the handler gets.
    type Request;
    /// The kind of address that the server has.
    type Address: Clone;

    #[doc(hidden)]
    fn into_server<H: RequestHandler<Self::Request>>(
        self,
        handler: H,
        setup: Setup,
    ) -> io::Result<ThreadedServer<Self::Address>>;
}

macro_rules! transport {
    ($socket:ty, $request:ident<$address:ty>, $server:expr) => {
        impl Sealed for $socket {}
        impl Transport for $socket {
            type Request = $request<$address>;
            type Address = $address;

            fn into_server<H: RequestHandler<Self::Request>>(
                self,
                handler: H,
                setup: Setup,
            ) -> io::Result<ThreadedServer<$address>> {
                $server(self.into(), None, handler, setup)
            }
        }
    };
}

transport!(TcpListener, StreamRequest<SocketAddr>, accept::server);
transport!(UdpSocket, DatagramRequest<SocketAddr>, receive::server);
#[cfg(unix)]
transport!(UnixListener, StreamRequest<PathBuf>, accept::server);
#[cfg(unix)]
transport!(UnixDatagram, DatagramRequest<PathBuf>, receive::server);
