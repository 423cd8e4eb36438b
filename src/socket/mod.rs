//! The sockets. A listening socket and a connection are a [`Socket`](socket2::Socket), of
//! whatever family: TCP or Unix. A socket for datagrams is one for all clients.

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
