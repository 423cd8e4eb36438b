//! The sockets. A listening socket is a [`Socket`](socket2::Socket), and so is the socket
//! of a connection, for TCP and for Unix. A datagram server has one socket for all its
//! clients.

pub(crate) mod bind;
pub(crate) mod closing;
pub(crate) mod connection;
pub(crate) mod datagrams;
mod pulse;
#[cfg(feature = "tls")]
mod tls;
#[cfg(unix)]
pub(crate) mod unix;
pub(crate) mod wake;
pub(crate) mod wakes;

#[cfg(unix)]
pub(crate) use unix::SocketFile;
/// Elsewhere a socket has no file.
#[cfg(not(unix))]
pub(crate) type SocketFile = std::convert::Infallible;
