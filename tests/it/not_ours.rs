//! Promise 23: other code's failures don't end the server: panics whose payload panics
//! when it is dropped, a logger that panics, a standard error that nobody reads,
//! signals.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::panic::panic_any;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use socketserver::{
    Address, DatagramRequest, Event, RequestHandler, ServerBuilder, StreamRequest,
    TcpRequest, UdpRequest,
};

use crate::process::{Child, in_own_process, is_child};
use crate::support::{
    Notes, PATIENCE, ask_udp, assert_echo, connect, connect_to_trouble, connect_udp,
    has_ended, in_time, options, receive, stop, tcp, udp, wait_until,
};

/// A payload that panics when it is dropped, with another of its kind.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_any(Self);
    }
}

/// Where something panics.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Clone,
    Setup,
    Handle,
    Finish,
    Drop,
    VerifyRequest,
    HandleError,
    OnEvent(Moment),
    ServiceActions,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Accepted,
    Started,
    Ended,
    Draining,
}

const PLACES: [Place; 12] = [
    Place::Clone,
    Place::Setup,
    Place::Handle,
    Place::Finish,
    Place::Drop,
    Place::VerifyRequest,
    Place::HandleError,
    Place::OnEvent(Moment::Accepted),
    Place::OnEvent(Moment::Started),
    Place::OnEvent(Moment::Ended),
    Place::OnEvent(Moment::Draining),
    Place::ServiceActions,
];

/// Panics this many times in its place, and never again.
#[derive(Debug, Clone)]
struct Fuse {
    place: Place,
    left: Arc<AtomicUsize>,
}

impl Fuse {
    fn new(place: Place) -> Self {
        Self { place, left: Arc::new(AtomicUsize::new(2)) }
    }

    fn at(&self, place: Place) {
        let take = |left: usize| left.checked_sub(1);
        let order = Ordering::SeqCst;
        if place == self.place && self.left.fetch_update(order, order, take).is_ok() {
            panic_any(Bomb);
        }
    }

    /// It doesn't panic in its place any more.
    fn is_burnt(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }

    fn hooks(&self) -> ServerBuilder {
        let [verify, errors, events, actions] = [(); 4].map(|()| self.clone());
        options()
            .verify_request(move |_| {
                verify.at(Place::VerifyRequest);
                true
            })
            .handle_error(move |_, _| errors.at(Place::HandleError))
            .on_event(move |event| match event {
                Event::Accepted { .. } => events.at(Place::OnEvent(Moment::Accepted)),
                Event::Started { .. } => events.at(Place::OnEvent(Moment::Started)),
                Event::Ended { .. } => events.at(Place::OnEvent(Moment::Ended)),
                Event::Draining { .. } => events.at(Place::OnEvent(Moment::Draining)),
                _ => {}
            })
            .service_actions(Duration::from_millis(10), move || {
                actions.at(Place::ServiceActions);
            })
    }
}

/// Sends back what it reads, unless the fuse is its own. To try `handle_error`, it
/// fails.
struct Handler(Fuse);

impl Clone for Handler {
    fn clone(&self) -> Self {
        self.0.at(Place::Clone);
        Self(self.0.clone())
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.0.at(Place::Drop);
        }
    }
}

impl Handler {
    fn fail_once(&self) -> io::Result<()> {
        if self.0.place == Place::HandleError && !self.0.is_burnt() {
            return Err(io::Error::other("for the hook"));
        }
        Ok(())
    }
}

impl<A: Address> RequestHandler<StreamRequest<A>> for Handler {
    fn setup(&mut self, _: &mut StreamRequest<A>) -> io::Result<()> {
        self.0.at(Place::Setup);
        Ok(())
    }

    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        self.0.at(Place::Handle);
        let mut data = [0; 100];
        let count = request.read(&mut data)?;
        self.fail_once()?;
        request.write_all(&data[..count])
    }

    fn finish(&mut self, _: &mut StreamRequest<A>) -> io::Result<()> {
        self.0.at(Place::Finish);
        Ok(())
    }
}

impl<A: Address> RequestHandler<DatagramRequest<A>> for Handler {
    fn setup(&mut self, _: &mut DatagramRequest<A>) -> io::Result<()> {
        self.0.at(Place::Setup);
        Ok(())
    }

    fn handle(&mut self, request: &mut DatagramRequest<A>) -> io::Result<()> {
        self.0.at(Place::Handle);
        self.fail_once()?;
        request.reply(request.data())
    }

    fn finish(&mut self, _: &mut DatagramRequest<A>) -> io::Result<()> {
        self.0.at(Place::Finish);
        Ok(())
    }
}

#[test]
fn a_payload_that_panics_when_dropped_does_not_end_a_stream_server() {
    for place in PLACES {
        let fuse = Fuse::new(place);
        let handler = Handler(fuse.clone());
        let server = tcp(fuse.hooks(), handler);
        for _ in 0..2 {
            let (mut client, _) = connect_to_trouble(server.local_addr());
            let _ = client.write_all(b"hello"); // it may have been reset
            assert!(has_ended(client), "{place:?}");
        }
        if place != Place::OnEvent(Moment::Draining) {
            wait_until("it has panicked", || fuse.is_burnt());
        }
        assert_echo(connect(server.local_addr()), b"hello");
        let stats = stop(server);
        assert!(stats.finished >= 1, "{place:?}: {stats}");
    }
}

#[test]
fn a_payload_that_panics_when_dropped_does_not_end_a_datagram_server() {
    for place in PLACES {
        let fuse = Fuse::new(place);
        let server = udp(fuse.hooks(), Handler(fuse.clone()));
        let client = connect_udp(server.local_addr());
        for _ in 0..2 {
            client.send(b"hello").unwrap();
        }
        if place != Place::OnEvent(Moment::Draining) {
            wait_until("it has panicked", || fuse.is_burnt());
        }
        client.send(b"still there?").unwrap();
        while receive(&client) != b"still there?" {}
        let stats = stop(server);
        assert!(stats.finished >= 1, "{place:?}: {stats}");
    }
}

/// An error that panics when it is shown, or when it is dropped.
#[derive(Debug)]
struct BadError {
    when_dropped: bool,
}

impl fmt::Display for BadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.when_dropped {
            panic!("shown");
        }
        f.write_str("a bad error")
    }
}

impl std::error::Error for BadError {}

impl Drop for BadError {
    fn drop(&mut self) {
        if self.when_dropped && !thread::panicking() {
            panic!("dropped");
        }
    }
}

/// Fails in `handle` and in `finish` if asked to; otherwise sends back what it reads.
#[derive(Clone, Default)]
struct FailsBadly {
    failure: Option<bool>,
}

impl FailsBadly {
    fn fail(&self) -> io::Result<()> {
        let failure = self.failure.map(|when_dropped| BadError { when_dropped });
        failure.map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    fn look_at(&mut self, wish: &[u8]) {
        self.failure = match wish {
            b"S" => Some(false),
            b"D" => Some(true),
            _ => None,
        };
    }
}

impl RequestHandler for FailsBadly {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut data = [0; 100];
        let count = request.read(&mut data)?;
        self.look_at(&data[..count]);
        self.fail()?;
        request.write_all(&data[..count])
    }

    fn finish(&mut self, _: &mut TcpRequest) -> io::Result<()> {
        self.fail()
    }
}

impl RequestHandler<UdpRequest> for FailsBadly {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        self.look_at(request.data());
        self.fail()?;
        request.reply(request.data())
    }

    fn finish(&mut self, _: &mut UdpRequest) -> io::Result<()> {
        self.fail()
    }
}

#[test]
fn an_error_that_panics_does_not_end_a_stream_server() {
    let server = tcp(options(), FailsBadly::default());
    for wish in [b"S", b"D", b"S", b"D"] {
        let (mut client, _) = connect_to_trouble(server.local_addr());
        let _ = client.write_all(wish); // it may be reset already
        assert!(has_ended(client));
        assert_echo(connect(server.local_addr()), b"hello");
    }
    let stats = stop(server);
    assert_eq!((stats.finished, stats.failed), (4, 4), "{stats}");
}

#[test]
fn an_error_that_panics_does_not_end_a_datagram_server() {
    let server = udp(options(), FailsBadly::default());
    let client = connect_udp(server.local_addr());
    for wish in [b"S", b"D", b"S", b"D"] {
        client.send(wish).unwrap();
        assert_eq!(ask_udp(&client, b"hello"), b"hello");
    }
    let stats = stop(server);
    assert_eq!((stats.finished, stats.failed), (4, 4), "{stats}");
}

/// A logger that panics at each message.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &log::Record<'_>) {
        panic_any(Bomb);
    }

    fn flush(&self) {}
}

/// Panics where a client tells it to, or sends back what it reads.
fn obey(request: &mut TcpRequest) -> io::Result<()> {
    let mut wish = [0];
    while request.read(&mut wish)? > 0 {
        match &wish {
            b"P" => panic_any(Bomb),
            b"E" => return Err(io::Error::other("as you like")),
            _ => request.write_all(&wish)?,
        }
    }
    Ok(())
}

/// Reports errors and panics, and echoes all the same.
fn assert_goes_on(address: SocketAddr) {
    for wish in [b"E", b"P", b"E", b"P"] {
        let (mut client, _) = connect_to_trouble(address);
        let _ = client.write_all(wish); // it may be reset already
        assert!(has_ended(client));
        assert_echo(connect(address), b"hello");
    }
}

#[test]
fn a_logger_that_panics_does_not_end_the_server() {
    in_own_process("not_ours::a_logger_that_panics_does_not_end_the_server", || {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(log::LevelFilter::Trace);
        let actions = options()
            .service_actions(Duration::from_millis(5), || panic!("of the service"))
            .on_event(|_| panic!("of the event"));
        let server = tcp(actions, obey);
        assert_goes_on(server.local_addr());
        let stats = stop(server);
        assert_eq!((stats.failed, stats.panicked, stats.finished), (2, 2, 4));
    });
}

/// Runs the test again with this as its standard error. It must end well, and report on
/// its standard output that it ran.
fn with_stderr(test: &str, stderr: impl Into<Stdio>) {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args([test, "--exact", "--nocapture", "--include-ignored"]);
    process.env(crate::process::CHILD, "1");
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let mut process = process.spawn().unwrap();
    let output = BufReader::new(process.stdout.take().expect("it is piped"));
    let said = in_time("the child ends", || {
        output.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n")
    });
    let status = process.wait().unwrap();
    assert!(status.success() && said.contains("went on"), "{status}: {said}");
}

/// The default hook for panics writes to the standard error too.
fn serve_without_stderr() {
    std::panic::set_hook(Box::new(|info| println!("{info}")));
    let actions =
        options().service_actions(Duration::from_millis(5), || panic!("of the service"));
    let server = tcp(actions, obey);
    assert_goes_on(server.local_addr());
    let stats = stop(server);
    assert_eq!((stats.failed, stats.panicked, stats.finished), (2, 2, 4));
    println!("went on");
}

#[test]
fn a_standard_error_that_nobody_reads_does_not_end_the_server() {
    if is_child() {
        return serve_without_stderr();
    }
    let test = "not_ours::a_standard_error_that_nobody_reads_does_not_end_the_server";
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(ours); // so that writing fails
    with_stderr(test, OwnedFd::from(theirs));
}

#[cfg(target_os = "linux")]
#[test]
fn a_standard_error_on_a_full_disk_does_not_end_the_server() {
    if is_child() {
        return serve_without_stderr();
    }
    let test = "not_ours::a_standard_error_on_a_full_disk_does_not_end_the_server";
    with_stderr(test, OpenOptions::new().write(true).open("/dev/full").unwrap());
}

/// Nobody reads it, and it is full, so writing blocks. Only a thread that writes to it
/// waits.
#[test]
fn a_standard_error_that_blocks_does_not_hold_up_the_others() {
    if is_child() {
        std::panic::set_hook(Box::new(|info| println!("{info}")));
        let server = tcp(options().drain_timeout(Duration::from_millis(100)), obey);
        for _ in 0..3 {
            let (mut client, _) = connect_to_trouble(server.local_addr());
            client.write_all(b"E").unwrap();
            assert_echo(connect(server.local_addr()), b"hello");
        }
        server.shutdown();
        crate::support::ended(server);
        println!("went on");
        return;
    }
    let test = "not_ours::a_standard_error_that_blocks_does_not_hold_up_the_others";
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while (&theirs).write(&[b' '; 1000]).is_ok() {}
    while (&theirs).write(b" ").is_ok() {}
    theirs.set_nonblocking(false).unwrap();
    with_stderr(test, OwnedFd::from(theirs));
    drop(ours);
}

/// Sends a signal to this very thread every 100 milliseconds, until it is dropped. The
/// system gives a signal for the process to the thread whose number we name.
struct Signals(Arc<AtomicBool>);

impl Signals {
    fn to_this_thread() -> Self {
        let link = fs::read_link("/proc/thread-self").unwrap();
        let name = link.file_name().and_then(|name| name.to_str()).unwrap();
        let thread = Pid::from_raw(name.parse().unwrap()).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                kill_process(thread, Signal::INT).unwrap();
                thread::sleep(Duration::from_millis(100));
            }
        });
        Self(is_over)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn signals_do_not_postpone_a_timeout() {
    in_own_process("not_ours::signals_do_not_postpone_a_timeout", || {
        let caught = Arc::new(AtomicUsize::new(0));
        let count = caught.clone();
        ctrlc::set_handler(move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        let times = Notes::new();
        let note = times.clone();
        let timeout = Duration::from_millis(300);
        let options = options().read_timeout(timeout).write_timeout(timeout);
        let server = tcp(options, move |request: &mut TcpRequest| {
            let signals = Signals::to_this_thread();
            let begin = Instant::now();
            let read = request.read(&mut [0]).map_err(|error| error.kind());
            note.add((read, begin.elapsed()));
            let begin = Instant::now();
            let large = vec![0; 32 << 20];
            let written = request.write_all(&large).map_err(|error| error.kind());
            note.add((written.map(|()| 0), begin.elapsed()));
            drop(signals);
            Ok(())
        });
        let client = connect(server.local_addr());
        for (result, took) in times.wait_for(2) {
            assert_eq!(result, Err(ErrorKind::TimedOut));
            assert!(took >= timeout, "after {took:?}");
            assert!(took < Duration::from_millis(1000), "after {took:?}");
        }
        assert!(caught.load(Ordering::SeqCst) >= 4, "the signals came");
        drop(client);
        stop(server);
    });
}

/// A server that only sleeps, and is stopped all the same.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn signals_at_any_rate_disturb_nothing() {
    let test = "not_ours::signals_at_any_rate_disturb_nothing";
    if is_child() {
        ctrlc::set_handler(|| {}).unwrap();
        let server = tcp(options(), obey);
        eprintln!("listening on {}", server.local_addr());
        wait_until("the clients have been here", || server.stats().finished == 100);
        stop(server);
        eprintln!("ended");
        return;
    }
    let child = Child::start(test);
    let address = child.wait_for("listening on ").parse().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let until = Instant::now() + PATIENCE;
            while !is_over.load(Ordering::Relaxed) && Instant::now() < until {
                child.signal(Signal::INT);
                thread::sleep(Duration::from_micros(200));
            }
        });
        for _ in 0..100 {
            assert_echo(connect(address), &[b'x'; 10_000]);
        }
        child.wait_for("ended");
        is_over.store(true, Ordering::Relaxed);
    });
    child.assert_success();
}
