//! What the tests share, for encrypted connections: the same names as in
//! `tests/it/support.rs`, and the same meaning. So a test doesn't know which of the two
//! it uses.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rcgen::generate_simple_self_signed;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use socketserver::{Certificate, ServerBuilder, ThreadedServer};

pub(crate) use crate::plain::*;

/// A certificate for `localhost`, and its key.
pub(crate) static PEM: LazyLock<(String, String)> = LazyLock::new(|| {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
});

static CERTIFICATE: LazyLock<Certificate> =
    LazyLock::new(|| Certificate::from_pem(&PEM.0, &PEM.1).unwrap());

static CLIENTS: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| Arc::new(config()));

/// What a client trusts.
pub(crate) fn config() -> ClientConfig {
    config_for(rustls::DEFAULT_VERSIONS)
}

/// The same for a client that speaks these versions.
pub(crate) fn config_for(
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(PEM.0.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_protocol_versions(versions).unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

/// The certificate in a file, for clients that want one.
pub(crate) fn certificate_file() -> std::path::PathBuf {
    static FILE: LazyLock<std::path::PathBuf> = LazyLock::new(|| {
        let name = format!("trusted-{}.pem", std::process::id());
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, &PEM.0).unwrap();
        path
    });
    FILE.clone()
}

/// A builder with the default options, and encryption.
pub(crate) fn options() -> ServerBuilder {
    // Longer than a busy machine needs for a thousand handshakes at once.
    ThreadedServer::builder().tls(CERTIFICATE.clone()).handshake_timeout(6 * PATIENCE)
}

/// A TCP client that waits for nothing longer than [`PATIENCE`], and encrypts.
pub(crate) fn connect(address: SocketAddr) -> Client {
    Client::new(crate::plain::connect(address))
}

/// The same for a Unix socket. (A `TcpStream` can have any socket in it: what our clients
/// do is the same for all streams.)
#[cfg(unix)]
pub(crate) fn connect_unix(path: &std::path::Path) -> Client {
    let socket = std::os::fd::OwnedFd::from(crate::plain::connect_unix(path));
    Client::new(socket.into())
}

/// A client from a connection that was made by hand.
pub(crate) fn client(socket: TcpStream) -> Client {
    Client::new(socket)
}

/// Whether connections are plain: through TLS, there are no datagrams.
pub(crate) const IS_PLAIN: bool = false;

/// What comes back for `request`, to the end of file.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(request).unwrap();
    read_all(client)
}

/// A client of a server that may reset the connection before `connect` has returned.
pub(crate) fn connect_to_trouble(address: SocketAddr) -> (Client, SocketAddr) {
    let (client, local) = crate::plain::connect_to_trouble(address);
    (Client::new(client), local)
}

/// Whether the server ends the connection, well or not, whatever it sends before. Waits
/// for it.
pub(crate) fn has_ended(mut client: impl Read) -> bool {
    let until = Instant::now() + PATIENCE;
    let mut rest = [0; 65_536];
    loop {
        match client.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) if Instant::now() < until => {}
            Ok(_) => return false,
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}

/// Whether the server ends `request` with a reset, or with an end that can't be mistaken
/// for a clean one.
pub(crate) fn is_reset(address: SocketAddr, request: &[u8]) -> bool {
    let (mut client, _) = connect_to_trouble(address);
    let _ = client.write_all(request); // it may be reset already
    client.read_to_end(&mut Vec::new()).is_err()
}

/// A client that encrypts. One thread can read it while another writes.
#[derive(Clone)]
pub(crate) struct Client(Arc<Line>);

/// The connection; its end says `close_notify`, as a good client does.
struct Line {
    socket: TcpStream,
    tls: Mutex<ClientConnection>,
    /// Held by the thread that reads from the socket.
    reading: Mutex<()>,
}

impl Client {
    /// Does the handshake at once if the server does, otherwise with the first byte.
    /// (The server might be full.)
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self::with(socket, Arc::clone(&CLIENTS))
    }

    pub(crate) fn with(socket: TcpStream, config: Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(config, name).unwrap();
        tls.set_buffer_limit(None);
        let line = Line { socket, tls: Mutex::new(tls), reading: Mutex::new(()) };
        let patience = line.socket.read_timeout().unwrap();
        line.socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let _ = line.shake_hands();
        line.socket.set_read_timeout(patience).unwrap();
        Self(Arc::new(line))
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(self.clone())
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            self.0.shake_hands()?;
            self.0.tls.lock().send_close_notify();
            self.0.send()?;
        }
        self.0.socket.shutdown(how)
    }

    /// A client in the middle of its handshake: it has said hello, and read the reply.
    pub(crate) fn half(socket: TcpStream) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(Arc::clone(&CLIENTS), name).unwrap();
        let line = Line { socket, tls: Mutex::new(tls), reading: Mutex::new(()) };
        line.send().unwrap();
        line.socket.peek(&mut [0]).unwrap(); // the reply is here, and not looked at
        Self(Arc::new(line))
    }

    /// Sends this in one packet with the end of the handshake.
    pub(crate) fn send_with_handshake(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.tls.lock().writer().write_all(bytes)?;
        self.0.shake_hands()
    }

    /// Sends this and the end in one packet.
    pub(crate) fn send_last(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.shake_hands()?;
        {
            let mut tls = self.0.tls.lock();
            tls.writer().write_all(bytes)?;
            tls.send_close_notify();
        }
        self.0.send()
    }

    /// The next thing that this client sends comes with new keys.
    pub(crate) fn refresh_keys(&self) {
        self.0.tls.lock().refresh_traffic_keys().unwrap();
    }
}

impl Line {
    /// Agrees with the server on keys.
    fn shake_hands(&self) -> io::Result<()> {
        self.send()?;
        while self.tls.lock().is_handshaking() {
            self.receive()?;
        }
        Ok(())
    }

    /// Reads from the socket, once, and decrypts it.
    fn receive(&self) -> io::Result<usize> {
        let _reading = self.reading.lock();
        let mut bytes = [0; 4096];
        let count = match (&self.socket).read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(1),
            count => count?,
        };
        let mut tls = self.tls.lock();
        let mut rest = &bytes[..count];
        loop {
            tls.read_tls(&mut rest)?; // none is the end, and it must know
            let processed = tls.process_new_packets();
            if let Err(error) = processed {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            if rest.is_empty() {
                break;
            }
        }
        drop(tls);
        self.send()?;
        if count == 0 && self.tls.lock().is_handshaking() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }

    /// Sends all that is encrypted.
    fn send(&self) -> io::Result<()> {
        let mut tls = self.tls.lock();
        let mut bytes = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut bytes)?;
        }
        (&self.socket).write_all(&bytes) // under the lock: what is encrypted first goes first
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.socket.set_write_timeout(Some(Duration::from_millis(100)));
        // (One that resets its connection says nothing.)
        let linger = socket2::SockRef::from(&self.socket).linger();
        let resets = linger.is_ok_and(|time| time == Some(Duration::ZERO));
        let tls = self.tls.get_mut();
        if !tls.is_handshaking() && !resets {
            tls.send_close_notify();
            let _ = self.send(); // the server may have gone
        }
    }
}

impl Read for &Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.shake_hands()?;
        loop {
            match self.0.tls.lock().reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            self.0.receive()?;
        }
    }
}

impl Write for &Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.shake_hands()?;
        let count =
            self.0.tls.lock().writer().write(&bytes[..bytes.len().min(65_536)])?;
        self.0.send()?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Client {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Client {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Its socket, for timeouts and addresses.
impl Deref for Client {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.0.socket
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Client {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}
