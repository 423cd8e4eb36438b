//! What the tests share: servers that end with the test, clients that never wait
//! forever, handlers, and places where a handler waits.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use socket2::{Domain, SockRef, Type};
use socketserver::{
    Address, DatagramRequest, RequestHandler, RunningServer, ServerBuilder,
    ServerHandle, Stats, StreamRequest, TcpRequest, ThreadedServer, UdpRequest,
};

/// How long anything can take before we say that it hangs. That's far more than it
/// needs, so no test fails because the machine is busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A builder with the default options.
pub(crate) fn options() -> ServerBuilder {
    ThreadedServer::builder()
}

/// The same builder, and the errors that its server reports.
pub(crate) fn noting_errors(options: ServerBuilder) -> (ServerBuilder, Notes<String>) {
    let errors = Notes::new();
    let note = errors.clone();
    (options.handle_error(move |_, error| note.add(error.to_string())), errors)
}

/// A server that runs in the background and ends with the test, at the latest. Unlike
/// the library's own, it does not wait forever for that.
pub(crate) struct Server<A: Clone + Send + 'static = SocketAddr> {
    /// Taken by the thread that waits for its end.
    running: Option<RunningServer<A>>,
    handle: ServerHandle<A>,
}

/// Runs a server in the background.
pub(crate) fn run<A: Clone + Send + 'static>(server: ThreadedServer<A>) -> Server<A> {
    let running = server.spawn().unwrap();
    Server { handle: running.handle(), running: Some(running) }
}

impl<A: Clone + Send + 'static> Server<A> {
    /// A handle that can outlive the server.
    pub(crate) fn handle(&self) -> ServerHandle<A> {
        self.handle.clone()
    }
}

impl<A: Clone + Send + 'static> Deref for Server<A> {
    type Target = ServerHandle<A>;

    fn deref(&self) -> &ServerHandle<A> {
        &self.handle
    }
}

impl<A: Clone + Send + 'static> Drop for Server<A> {
    fn drop(&mut self) {
        let Some(running) = self.running.take() else { return };
        if thread::panicking() {
            thread::spawn(|| drop(running)); // the test has failed already
        } else {
            in_time("the server's end", || drop(running));
        }
    }
}

/// A running TCP server on a port of its own, which ends with the test.
pub(crate) fn tcp(
    options: ServerBuilder,
    handler: impl RequestHandler<TcpRequest>,
) -> Server {
    run(options.tcp("127.0.0.1:0", handler).unwrap())
}

/// A running UDP server on a port of its own, which ends with the test.
pub(crate) fn udp(
    options: ServerBuilder,
    handler: impl RequestHandler<UdpRequest>,
) -> Server {
    run(options.udp("127.0.0.1:0", handler).unwrap())
}

/// A client, as these tests use it. (Through TLS, it's another type.)
pub(crate) type Client = TcpStream;

/// A client from a connection that was made by hand.
pub(crate) fn client(socket: TcpStream) -> Client {
    socket
}

/// Whether connections are plain: through TLS, there are no datagrams.
pub(crate) const IS_PLAIN: bool = true;

/// A TCP client that waits for nothing longer than [`PATIENCE`].
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client
}

/// The same for a Unix socket.
#[cfg(unix)]
pub(crate) fn connect_unix(path: &std::path::Path) -> std::os::unix::net::UnixStream {
    let client = std::os::unix::net::UnixStream::connect(path).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    client
}

/// A UDP client of one server, which waits for nothing longer than [`PATIENCE`].
pub(crate) fn connect_udp(address: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// The next datagram.
pub(crate) fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut data = vec![0; 65_536];
    let count = client.recv(&mut data).expect("a datagram in time");
    data.truncate(count);
    data
}

/// Sends a datagram and returns the next that comes back.
pub(crate) fn ask_udp(client: &UdpSocket, question: &[u8]) -> Vec<u8> {
    client.send(question).unwrap();
    receive(client)
}

/// Sends `text` and expects the same back: the client is being served.
pub(crate) fn assert_echo(mut client: impl Read + Write, text: &[u8]) {
    client.write_all(text).expect("the server takes it");
    let mut answer = vec![0; text.len()];
    client.read_exact(&mut answer).expect("the server sends it back");
    assert_eq!(answer, text);
}

/// All that comes until a clean end of file. A reset fails the test.
pub(crate) fn read_all(mut client: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).expect("a clean end of file");
    bytes
}

/// What comes back for `request`, to the end of file.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(request).unwrap();
    read_all(client)
}

/// A client of a server that may reset the connection before `connect` has returned.
pub(crate) fn connect_to_trouble(address: SocketAddr) -> (TcpStream, SocketAddr) {
    let socket = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let client = TcpStream::from(socket);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.set_write_timeout(Some(PATIENCE)).unwrap();
    let local = client.local_addr().unwrap();
    match SockRef::from(&client).connect(&address.into()) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        result => result.unwrap(),
    }
    (client, local)
}

/// Whether the server answers `request` with a reset: something went wrong.
pub(crate) fn is_reset(address: SocketAddr, request: &[u8]) -> bool {
    let (mut client, _) = connect_to_trouble(address);
    let _ = client.write_all(request); // it may be reset already
    client.read_to_end(&mut Vec::new()).is_err()
}

/// Whether the server ends the connection, cleanly or not, whatever it sends before.
/// Waits for it.
pub(crate) fn has_ended(mut client: impl Read) -> bool {
    let until = Instant::now() + PATIENCE;
    let mut rest = [0; 65_536];
    loop {
        match client.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) if Instant::now() < until => {}
            Ok(_) => return false,
            Err(error) => {
                let kind = error.kind();
                return matches!(
                    kind,
                    io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
                );
            }
        }
    }
}

/// Waits until that's true.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not in {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs `code`, which must end.
pub(crate) fn in_time<T: Send + 'static>(
    what: &str,
    code: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (sender, result) = bounded(1);
    let thread = thread::spawn(move || sender.send(code()));
    match result.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(_) if thread.is_finished() => panic!("panicked: {what}"),
        Err(_) => panic!("hangs: {what}"),
    }
}

/// Stops the server, waits for its end and returns its statistics.
pub(crate) fn stop<A: Clone + Send + 'static>(server: Server<A>) -> Stats {
    server.shutdown();
    ended(server)
}

/// Waits for the end of a server that another thread stops, and returns its statistics.
pub(crate) fn ended<A: Clone + Send + 'static>(mut server: Server<A>) -> Stats {
    let running = server.running.take().expect("nobody else has waited");
    in_time("the server ends", || running.join()).unwrap();
    let stats = server.stats();
    assert_balanced(&stats);
    stats
}

/// Each client that was accepted is counted in exactly one other place.
pub(crate) fn assert_balanced(stats: &Stats) {
    let elsewhere = stats.rejected
        + stats.active as u64
        + stats.finished
        + stats.failed
        + stats.panicked
        + stats.disconnected
        + stats.timed_out
        + stats.cut_off;
    assert_eq!(stats.accepted, elsewhere, "{stats}");
}

/// Sends back what it is sent, by whatever kind of socket.
#[derive(Debug, Clone)]
pub(crate) struct Echo;

impl<A: Address> RequestHandler<StreamRequest<A>> for Echo {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        let mut data = [0; 1024];
        loop {
            let count = request.read(&mut data)?;
            if count == 0 {
                return Ok(());
            }
            request.write_all(&data[..count])?;
        }
    }
}

impl<A: Address> RequestHandler<DatagramRequest<A>> for Echo {
    fn handle(&mut self, request: &mut DatagramRequest<A>) -> io::Result<()> {
        request.reply(request.data())
    }
}

/// A place where handlers wait until the test opens it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Receiver<()>);

/// Dropping it opens the gate for all, for good.
#[derive(Debug)]
pub(crate) struct Key(#[expect(dead_code, reason = "it is only dropped")] Sender<()>);

/// A closed gate and its key.
pub(crate) fn gate() -> (Key, Gate) {
    let (key, gate) = bounded(0);
    (Key(key), Gate(gate))
}

impl Gate {
    /// Waits until the gate is open.
    pub(crate) fn pass(&self) {
        let _ = self.0.recv_timeout(PATIENCE);
    }
}

/// What handlers and hooks write down, for the test to read.
#[derive(Debug)]
pub(crate) struct Notes<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> Notes<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn add(&self, note: T) {
        self.0.lock().push(note);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn all(&self) -> Vec<T> {
        self.0.lock().clone()
    }

    /// Whether no other owner can add any more.
    pub(crate) fn is_mine_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// Waits until there are `count` notes, and returns them all.
    pub(crate) fn wait_for(&self, count: usize) -> Vec<T> {
        wait_until("enough notes", || self.len() >= count);
        self.all()
    }
}

impl<T> Clone for Notes<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// The processor time that this thread has used; nothing where the system doesn't show
/// it.
pub(crate) fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(time).expect("never negative")
    }
    #[cfg(not(unix))]
    Duration::ZERO
}

/// A directory for sockets' files, which goes away with the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Not in cargo's directory: the path of a socket can have only 100 bytes.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("socketserver-{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // no test depends on it
    }
}
