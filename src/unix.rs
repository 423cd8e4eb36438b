//! Unix sockets: the same servers for clients on this machine, with a path for address.

use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, SockRef, Socket, Type};

use crate::acceptor::Acceptor;
use crate::builder::ServerBuilder;
use crate::connections::ShutDown;
use crate::datagram::DatagramRequest;
use crate::event::ClientAddress;
use crate::handler::RequestHandler;
use crate::options::Options;
use crate::receivers::Receivers;
use crate::server::{ThreadedServer, Transport};
use crate::stream::{StreamRequest, StreamWriter};
use crate::transport::{
    ACCEPT_INHERITS_NONBLOCKING, Datagrams, Listener, Sealed, Stream,
};
use crate::wake::SHUTTING_DOWN_WAKES_ACCEPT;

/// A Unix connection, as its handler sees it: what [`StreamRequest`] says, and
/// [`client_address`](Self::client_address).
pub type UnixRequest = StreamRequest<UnixStream>;

/// Writes to a Unix connection from another thread, see [`StreamRequest::writer`].
pub type UnixWriter = StreamWriter<UnixStream>;

/// A Unix datagram, as its handler sees it: what [`DatagramRequest`] says, and
/// [`client_address`](Self::client_address).
pub type UnixDatagramRequest = DatagramRequest<UnixDatagram>;

impl UnixRequest {
    /// The client's path, if it has one. Most have none.
    pub fn client_address(&self) -> Option<&Path> {
        self.client().0.as_deref()
    }
}

impl UnixDatagramRequest {
    /// The client's path. A client that has none cannot be answered.
    pub fn client_address(&self) -> Option<&Path> {
        self.client().0.as_deref()
    }
}

/// The path of a Unix client, if it has one.
#[derive(Debug, Clone)]
pub struct UnixClient(Option<PathBuf>);

impl From<UnixClient> for ClientAddress {
    fn from(client: UnixClient) -> Self {
        Self::Unix(client.0)
    }
}

impl From<SocketAddr> for UnixClient {
    fn from(address: SocketAddr) -> Self {
        Self(address.as_pathname().map(Path::to_owned))
    }
}

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

impl ServerBuilder {
    /// A Unix stream server (on Unix only). Python's `ThreadingUnixStreamServer`.
    ///
    /// The socket's file is made now and removed when the server has gone. A file that a
    /// dead server has left behind is replaced; the file of a live one is not.
    ///
    /// # Errors
    ///
    /// Fails when the path cannot be bound, and says which path; with
    /// [`AddrInUse`](io::ErrorKind::AddrInUse) when a server lives there, or something
    /// that is no socket; and with [`InvalidInput`](io::ErrorKind::InvalidInput) when an
    /// option makes no sense.
    pub fn unix<H>(
        self,
        path: impl AsRef<Path>,
        handler: H,
    ) -> io::Result<ThreadedServer<PathBuf>>
    where
        H: RequestHandler<UnixRequest>,
    {
        self.options.check()?;
        let backlog = self.options.system_backlog();
        let (socket, file) = bind(path.as_ref(), Type::STREAM, Some(backlog))?;
        stream_server(OwnedFd::from(socket).into(), Some(file), handler, self.options)
    }

    /// A Unix datagram server (on Unix only). Python's `ThreadingUnixDatagramServer`.
    ///
    /// A client that wants an answer must bind a path of its own.
    ///
    /// # Errors
    ///
    /// As for [`unix`](Self::unix).
    pub fn unix_datagram<H>(
        self,
        path: impl AsRef<Path>,
        handler: H,
    ) -> io::Result<ThreadedServer<PathBuf>>
    where
        H: RequestHandler<UnixDatagramRequest>,
    {
        self.options.check()?;
        let (socket, file) = bind(path.as_ref(), Type::DGRAM, None)?;
        datagram_server(OwnedFd::from(socket).into(), Some(file), handler, self.options)
    }
}

/// The file of a socket that we bound. Removed on drop, if it is still ours.
///
/// It must be dropped before the socket: as long as the socket is open, no other file
/// can get the same number.
struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

impl SocketFile {
    fn identity(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path);
        if now.is_ok_and(|file| Self::identity(&file) == self.identity) {
            let _ = fs::remove_file(&self.path); // somebody else may be faster
        }
    }
}

/// Makes a socket bound to `path`, in the place of one that a dead server left there,
/// and listens, if it is a kind of socket that does.
fn bind(
    path: &Path,
    kind: Type,
    backlog: Option<i32>,
) -> io::Result<(Socket, SocketFile)> {
    let name_path = |error: io::Error| {
        let message = format!("cannot listen on {}: {error}", path.display());
        io::Error::new(error.kind(), message)
    };
    let address = SockAddr::unix(path).map_err(name_path)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    let _lock = lock_directory(path);
    let mut bound = socket.bind(&address);
    if bound.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        && is_left_behind(path, &address, kind)
    {
        fs::remove_file(path).map_err(name_path)?;
        bound = socket.bind(&address);
    }
    bound.map_err(name_path)?;
    let file = fs::symlink_metadata(path).map_err(name_path)?;
    // The working directory may change before the file is removed.
    let path = std::path::absolute(path)?;
    let file = SocketFile { path, identity: SocketFile::identity(&file) };
    if let Some(backlog) = backlog {
        socket.listen(backlog)?;
    }
    Ok((socket, file))
}

/// Until it is dropped, no other server starts in the same directory. Without it, two
/// that start at the same moment may take each other's file for left behind: a server
/// that does not listen yet looks dead.
///
/// `None` where there is no such lock, or it is not to be had: one that does not start
/// would be worse.
fn lock_directory(path: &Path) -> Option<File> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(parent.unwrap_or(Path::new("."))).ok()?;
    for _ in 0..100 {
        match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(directory),
            Err(Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(5)),
            Err(_) => return None,
        }
    }
    None
}

/// Whether the file at `path` is a socket that nobody has open any more.
fn is_left_behind(path: &Path, address: &SockAddr, kind: Type) -> bool {
    if !fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
        return false;
    }
    // Only a refusal is proof. A live server with a full queue does not refuse, and we
    // must not wait for it.
    let probe = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, kind, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(address)
    };
    probe().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn stream_server<H: RequestHandler<UnixRequest>>(
    listener: UnixListener,
    file: Option<SocketFile>,
    handler: H,
    options: Options,
) -> io::Result<ThreadedServer<PathBuf>> {
    // Without a file of ours, another process may have the listening socket.
    let may_sleep = file.is_some() && SHUTTING_DOWN_WAKES_ACCEPT;
    listener.set_nonblocking(!may_sleep)?;
    let (path, name) = name(&listener.local_addr()?);
    let file = file.map(|file| Box::new(file) as Box<dyn Send>);
    ThreadedServer::new(path, name, options, |server| {
        Acceptor::new(listener, may_sleep, file, handler, server)
    })
}

fn datagram_server<H: RequestHandler<UnixDatagramRequest>>(
    socket: UnixDatagram,
    file: Option<SocketFile>,
    handler: H,
    options: Options,
) -> io::Result<ThreadedServer<PathBuf>> {
    socket.set_nonblocking(true)?;
    let (path, name) = name(&socket.local_addr()?);
    let file = file.map(|file| Box::new(file) as Box<dyn Send>);
    ThreadedServer::new(path, name, options, |server| {
        Receivers::new(socket, file, handler, server)
    })
}

/// The server's address, and what its threads' names begin with. The path is empty for
/// an inherited socket that has none.
fn name(address: &SocketAddr) -> (PathBuf, String) {
    let path = address.as_pathname().unwrap_or(Path::new("")).to_owned();
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = format!("unix-{file_name}").replace('\0', "");
    (path, name)
}

impl Transport for UnixListener {
    type Request = UnixRequest;
    type Address = PathBuf;

    fn into_server<H: RequestHandler<UnixRequest>>(
        self,
        handler: H,
        options: Options,
    ) -> io::Result<ThreadedServer<PathBuf>> {
        stream_server(self, None, handler, options)
    }
}

impl Transport for UnixDatagram {
    type Request = UnixDatagramRequest;
    type Address = PathBuf;

    fn into_server<H: RequestHandler<UnixDatagramRequest>>(
        self,
        handler: H,
        options: Options,
    ) -> io::Result<ThreadedServer<PathBuf>> {
        datagram_server(self, None, handler, options)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<(UnixStream, UnixClient)> {
        let (stream, address) = self.accept()?;
        Ok((stream, address.into()))
    }
}

impl Stream for UnixStream {
    type Address = PathBuf;
    type Client = UnixClient;

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(bytes)
    }

    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout(time)
    }

    fn prepare(&self, _nodelay: bool) -> io::Result<()> {
        if ACCEPT_INHERITS_NONBLOCKING {
            self.set_nonblocking(false)?;
        }
        Ok(()) // nothing is ever delayed here
    }
}

impl ShutDown for UnixStream {
    fn shut_down(&self, how: Shutdown) {
        let _ = self.shutdown(how); // the client may have gone already
    }
}

impl ShutDown for UnixListener {
    fn shut_down(&self, how: Shutdown) {
        let _ = SockRef::from(self).shutdown(how); // it can be done only once
    }
}

impl Datagrams for UnixDatagram {
    type Address = PathBuf;
    type Client = UnixClient;

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, UnixClient)> {
        let (length, address) = self.recv_from(buffer)?;
        Ok((length, address.into()))
    }

    fn send(&self, bytes: &[u8], client: &UnixClient) -> io::Result<usize> {
        let Some(path) = &client.0 else {
            let message = "the client has no path, so it cannot be answered";
            return Err(io::Error::new(io::ErrorKind::NotConnected, message));
        };
        self.send_to(bytes, path)
    }
}

impl Sealed for UnixListener {}
impl Sealed for UnixStream {}
impl Sealed for UnixDatagram {}
