//! How Unix sockets are bound: the file that is their address, and which server owns it.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, Permissions};
use std::io;
#[cfg(target_os = "linux")]
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use socket2::{Domain, SockAddr, Socket, Type};

use super::bind::set_buffers;
use crate::address::display;
use crate::options::Options;

/// The file of a socket that we bound. Removed on drop, if it is still ours.
///
/// It must be dropped before the socket, because no other file can get the same number
/// while the socket is open.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    /// Device and number of the file.
    identity: (u64, u64),
}

impl SocketFile {
    /// Finds out which file a socket has just been bound to.
    fn of(path: PathBuf) -> io::Result<Self> {
        let identity = Self::identity(&fs::symlink_metadata(&path)?);
        Ok(Self { path, identity })
    }

    fn identity(file: &Metadata) -> (u64, u64) {
        (file.dev(), file.ino())
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Without the lock, a new server could put its file there between our check and our
        // removal.
        let _lock = lock_directory(&self.path);
        let now = fs::symlink_metadata(&self.path);
        if now.is_ok_and(|file| Self::identity(&file) == self.identity) {
            let _ = fs::remove_file(&self.path); // we might have lost the permission
        }
    }
}

/// Makes a socket bound to `path`, and listens if this kind of socket can. Replaces a file
/// that a dead server left there.
///
/// An address that begins with a zero byte is *abstract*: Linux keeps it, and there is no
/// file.
pub(crate) fn bind(
    path: &Path,
    kind: Type,
    options: &Options,
) -> io::Result<(Socket, Option<SocketFile>)> {
    try_bind(path, kind, options).map_err(|error| {
        let message = format!("cannot listen on {}: {error}", display(path));
        io::Error::new(error.kind(), message)
    })
}

fn try_bind(
    path: &Path,
    kind: Type,
    options: &Options,
) -> io::Result<(Socket, Option<SocketFile>)> {
    let bytes = path.as_os_str().as_bytes();
    let is_abstract = cfg!(target_os = "linux") && bytes.first() == Some(&0);
    if bytes.is_empty() || (bytes.contains(&0) && !is_abstract) {
        // The system would read the path up to the zero byte, and bind another file.
        let message = "a path must not be empty or contain a zero byte";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let address = SockAddr::unix(path)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    set_buffers(&socket, &options.socket)?;
    if is_abstract {
        socket.bind(&address)?;
        return listen(socket, kind, options).map(|socket| (socket, None));
    }
    // The working directory might change before the file is removed.
    let path = std::path::absolute(path)?;
    let mode = options.socket.file_mode;
    #[cfg(target_os = "linux")]
    if let Some(mode) = mode {
        // Linux creates the file with the socket's own mode, less the umask. So no client
        // can connect before the line below.
        let _ = rustix::fs::fchmod(&socket, mode.into());
    }
    let lock = lock_directory(&path);
    bind_file(&socket, &path, &address)?;
    // From here on we remove the file if something else fails.
    let file = SocketFile::of(path)?;
    drop(lock);
    if let Some(mode) = mode {
        fs::set_permissions(&file.path, Permissions::from_mode(mode))?;
    }
    listen(socket, kind, options).map(|socket| (socket, Some(file)))
}

/// Listens, if this kind of socket can.
fn listen(socket: Socket, kind: Type, options: &Options) -> io::Result<Socket> {
    if kind == Type::STREAM {
        socket.listen(options.system_backlog())?;
    }
    Ok(socket)
}

/// Binds, and replaces a file that a dead server left there.
fn bind_file(socket: &Socket, path: &Path, address: &SockAddr) -> io::Result<()> {
    match socket.bind(address) {
        Err(error)
            if error.kind() == io::ErrorKind::AddrInUse
                && is_left_behind(path, address) =>
        {
            fs::remove_file(path)?;
            socket.bind(address)
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !is_socket(path) => {
            let message = "there is something that isn't a socket";
            Err(io::Error::new(error.kind(), message))
        }
        result => result,
    }
}

/// Until it is dropped, no other server starts or stops in the same directory. Without
/// it, two servers that start at the same moment might both find the file of a dead server,
/// and the slower one would remove the file that the faster one has just made.
///
/// `None` where the system has no such lock, or we can't get it: refusing to start would
/// be worse.
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

/// Whether the file at `path` is a socket, and not a link to one.
fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
}

/// Whether the file at `path` is a socket that no process has open any more.
fn is_left_behind(path: &Path, address: &SockAddr) -> bool {
    if !is_socket(path) {
        return false;
    }
    // A datagram socket finds out without becoming a client: if a stream server is
    // listening there, the error is "wrong type". Only "refused" means that no process has
    // the socket open.
    let probe = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(address)
    };
    probe().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// A client's address, in the form that a reply needs.
pub(crate) fn address(client: &SocketAddr) -> io::Result<SockAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = client.as_abstract_name() {
        return SockAddr::unix(OsStr::from_bytes(&[&[0], name].concat()));
    }
    SockAddr::unix(client.as_pathname().unwrap_or(Path::new("")))
}
