//! What the tests share: clients that never wait for ever, handlers, places where a
//! handler waits, and processes of their own for tests that spoil the process.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use socketserver::{
    DatagramRequest, Datagrams, RequestHandler, RunningServer, ServerBuilder, Stats,
    Stream, StreamRequest, TcpRequest, ThreadedServer, UdpRequest,
};

/// How long anything may take before we call it hanging. Far more than it needs, so
/// that a busy machine fails no test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A builder with the default options.
pub(crate) fn options() -> ServerBuilder {
    ThreadedServer::builder()
}

/// A running TCP server on a port of its own, which ends with the test.
pub(crate) fn tcp(
    options: ServerBuilder,
    handler: impl RequestHandler<TcpRequest>,
) -> RunningServer {
    options.tcp("127.0.0.1:0", handler).unwrap().spawn().unwrap()
}

/// A running UDP server on a port of its own, which ends with the test.
pub(crate) fn udp(
    options: ServerBuilder,
    handler: impl RequestHandler<UdpRequest>,
) -> RunningServer {
    options.udp("127.0.0.1:0", handler).unwrap().spawn().unwrap()
}

/// A TCP client that waits for nothing longer than [`PATIENCE`].
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
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

/// Whether the server ends the connection, cleanly or not, whatever it sends before.
/// Waits for it.
pub(crate) fn has_ended(mut client: impl Read) -> bool {
    match io::copy(&mut client, &mut io::sink()) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
    }
}

/// Waits until it is so.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "not in {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Runs `code`, which must come to an end.
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

/// Stops the server, waits for its end and returns what it has done.
pub(crate) fn stop<A>(server: RunningServer<A>) -> Stats
where
    A: Clone + Send + 'static,
{
    server.shutdown();
    ended(server)
}

/// Waits until the server, which somebody has stopped, has ended.
pub(crate) fn ended<A>(server: RunningServer<A>) -> Stats
where
    A: Clone + Send + 'static,
{
    let handle = server.handle();
    in_time("the server ends", move || server.join()).unwrap();
    let stats = handle.stats();
    assert_balanced(&stats);
    stats
}

/// Each client that was accepted is counted in exactly one other place.
pub(crate) fn assert_balanced(stats: &Stats) {
    let elsewhere = stats.refused
        + stats.active as u64
        + stats.finished
        + stats.failed
        + stats.panicked
        + stats.disconnected
        + stats.cut_off;
    assert_eq!(stats.accepted, elsewhere, "{stats}");
}

/// Sends back what it is sent, by whatever kind of socket.
#[derive(Debug, Clone)]
pub(crate) struct Echo;

impl<S: Stream> RequestHandler<StreamRequest<S>> for Echo {
    fn handle(&mut self, request: &mut StreamRequest<S>) -> io::Result<()> {
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

impl<S: Datagrams> RequestHandler<DatagramRequest<S>> for Echo {
    fn handle(&mut self, request: &mut DatagramRequest<S>) -> io::Result<()> {
        request.reply(request.data())
    }
}

/// A place where handlers wait until the test opens it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Receiver<()>);

/// Dropping it opens the gate for everybody, for good.
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

/// The processor time that this thread has used.
pub(crate) fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("never negative")
}

/// Set for a test that runs in a process of its own.
const CHILD: &str = "SOCKETSERVER_TEST_CHILD";

/// Whether this is the process that [`Child::start`] has started.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Runs `body` in a process of its own, because it spoils the process for other tests.
/// `test` is the full name of the test that calls this.
pub(crate) fn in_own_process(test: &str, body: impl FnOnce()) {
    if is_child() {
        body();
        eprintln!("done"); // so that a wrong name is noticed
    } else {
        let child = Child::start(test);
        child.wait_for("done");
        child.assert_success();
    }
}

/// This program again, in a process of its own, running one test. It tells us what it
/// does on its standard error.
pub(crate) struct Child {
    process: std::process::Child,
    lines: Receiver<String>,
}

impl Child {
    /// `test` is the full name of the test, which must look at [`is_child`].
    pub(crate) fn start(test: &str) -> Self {
        let mut process = Command::new(env::current_exe().unwrap())
            .args([test, "--exact", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(process.stderr.take().expect("it is piped"));
        let (sender, lines) = unbounded();
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                eprintln!("child: {line}");
                let _ = sender.send(line);
            }
        });
        Self { process, lines }
    }

    /// Waits for a line that begins with `word`, and returns the rest of it.
    pub(crate) fn wait_for(&self, word: &str) -> String {
        let until = Instant::now() + 3 * PATIENCE;
        loop {
            let line = self.lines.recv_deadline(until);
            let line = line.unwrap_or_else(|_| panic!("the child never says {word:?}"));
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn assert_success(mut self) {
        let mut status = None;
        wait_until("the child ends", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        let status = status.expect("that was waited for");
        assert!(status.success(), "the child fails: {status}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill(); // it may have ended
        let _ = self.process.wait();
    }
}

/// A directory for sockets' files, which goes away with the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Not in cargo's directory: the path of a socket may have only 100 bytes.
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
