//! Addresses: where a server listens, and who a client is.

use std::fmt;
use std::hash::Hash;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use socket2::SockAddr;

/// The address of a kind of socket: a [`SocketAddr`], or a [`PathBuf`] for Unix sockets.
///
/// A handler for both TCP and Unix connections takes any of them:
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::{Address, RequestHandler, StreamRequest};
///
/// #[derive(Clone)]
/// struct Greeting;
///
/// impl<A: Address> RequestHandler<StreamRequest<A>> for Greeting {
///     fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
///         request.write_all(b"Thank you for connecting")
///     }
/// }
/// ```
///
/// Most Unix clients have no address, and then the path is empty. It begins with a zero
/// byte if the address is *abstract*: a name without a file (on Linux).
///
/// The trait is sealed: you can't implement it for other types.
pub trait Address:
    Sealed + Clone + Eq + Hash + fmt::Debug + Send + Sync + Into<ClientAddress> + 'static
{
    #[doc(hidden)]
    fn new(address: &SockAddr) -> io::Result<Self>;

    /// The beginning of the threads' names, unless the user chose another.
    #[doc(hidden)]
    fn thread_name(&self, kind: &str) -> String;
}

/// Other crates can't name this trait, so they can't implement what depends on it.
pub trait Sealed {}

impl Sealed for SocketAddr {}
impl Address for SocketAddr {
    fn new(address: &SockAddr) -> io::Result<Self> {
        address.as_socket().ok_or(io::ErrorKind::InvalidInput.into())
    }

    fn thread_name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.port())
    }
}

#[cfg(unix)]
impl Sealed for PathBuf {}
#[cfg(unix)]
impl Address for PathBuf {
    fn new(address: &SockAddr) -> io::Result<Self> {
        Ok(path(address))
    }

    fn thread_name(&self, _kind: &str) -> String {
        // The name of a thread must not contain a zero byte.
        format!("unix-{}", display(self.file_name().unwrap_or_default().as_ref()))
    }
}

/// A client's address, for any kind of socket.
///
/// The hooks of a [`ServerBuilder`](crate::ServerBuilder) get one. It is the
/// `client_address` that Python's hooks get.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
/// use socketserver::ClientAddress;
///
/// let client = ClientAddress::from(SocketAddr::from(([192, 0, 2, 1], 50_000)));
/// assert_eq!(client.ip(), IpAddr::from([192, 0, 2, 1]));
/// assert_eq!(client.to_string(), "192.0.2.1:50000");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAddress {
    /// A TCP or UDP client.
    Ip(SocketAddr),
    /// A Unix client. Few have an address of their own; a stream client needs none.
    Unix(Option<PathBuf>),
}

impl ClientAddress {
    /// The client's IP address.
    ///
    /// An IPv4 client of an IPv6 server shows its IPv4 address here, not the mapped
    /// `::ffff:192.0.2.1`. A Unix client is on this machine, so its address is the
    /// loopback address.
    pub fn ip(&self) -> IpAddr {
        match self {
            Self::Ip(address) => address.ip().to_canonical(),
            Self::Unix(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }

    /// The client's IP address and port; `None` for a Unix client.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl From<SocketAddr> for ClientAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<PathBuf> for ClientAddress {
    fn from(path: PathBuf) -> Self {
        Self::Unix(Some(path).filter(|path| !path.as_os_str().is_empty()))
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(Some(path)) => f.write_str(&display(path)),
            Self::Unix(None) => f.write_str("a local client"),
        }
    }
}

/// The path of an address; an abstract one begins with a zero byte, and a client without
/// an address has an empty one.
#[cfg(unix)]
fn path(address: &SockAddr) -> PathBuf {
    if let Some(path) = address.as_pathname() {
        return path.to_owned();
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = address.as_abstract_namespace() {
        use std::os::unix::ffi::OsStrExt;
        return std::ffi::OsStr::from_bytes(&[&[0], name].concat()).into();
    }
    PathBuf::new()
}

/// A path for display: with the customary `@` for the zero byte of an abstract one.
pub(crate) fn display(path: &Path) -> String {
    path.to_string_lossy().replace('\0', "@")
}
