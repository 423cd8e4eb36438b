//! What a server needs from a kind of socket.
//!
//! There are two families. A *stream* socket has a listener, and each client gets a
//! connection (TCP, Unix). A *datagram* socket is one for all clients (UDP, Unix). The
//! rest of the library is written once for each family, in terms of these traits.

use std::fmt::Debug;
use std::io;
use std::time::{Duration, Instant};

use rustix::fd::AsFd;

use crate::connections::ShutDown;
use crate::event::ClientAddress;

/// Nobody outside this crate can name it, so nobody else can have it.
pub trait Sealed {}

/// A listening socket.
pub(crate) trait Listener: AsFd + ShutDown + 'static {
    type Stream: Stream;

    /// Takes the next client from the queue. Waits for one only if the socket is a
    /// blocking one, see `wake.rs`.
    fn accept(&self) -> io::Result<(Self::Stream, <Self::Stream as Stream>::Client)>;
}

/// A connection, of whatever kind. The trait is sealed. All methods take `&self`: several
/// threads may use it.
pub trait Stream: Sealed + ShutDown + AsFd + Debug + Send + Sync + 'static {
    /// What the address of the server is.
    type Address: Clone + Debug + Send + Sync + 'static;
    /// What the address of a client is.
    type Client: Clone + Debug + Send + Into<ClientAddress> + 'static;

    #[doc(hidden)]
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;
    #[doc(hidden)]
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()>;
    #[doc(hidden)]
    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()>;
    /// Makes it a blocking socket, and sends small writes at once if `nodelay`.
    #[doc(hidden)]
    fn prepare(&self, nodelay: bool) -> io::Result<()>;
    /// Waits until all that was written is on its way, at most until `until`. Does
    /// nothing where a reset does not destroy it.
    #[doc(hidden)]
    fn wait_until_sent(&self, _until: Option<Instant>) {}
}

/// A non-blocking socket for datagrams, of whatever kind. The trait is sealed.
pub trait Datagrams: Sealed + AsFd + Debug + Send + Sync + 'static {
    /// What the address of the server is.
    type Address: Clone + Debug + Send + Sync + 'static;
    /// What the address of a client is.
    type Client: Clone + Debug + Send + Into<ClientAddress> + 'static;

    #[doc(hidden)]
    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, Self::Client)>;
    #[doc(hidden)]
    fn send(&self, bytes: &[u8], client: &Self::Client) -> io::Result<usize>;
}

/// `accept` need not do this on Linux, where a new connection is always a blocking one.
/// Elsewhere it inherits what its listener is.
pub(crate) const ACCEPT_INHERITS_NONBLOCKING: bool = !cfg!(target_os = "linux");
