//! A soak: all kinds of clients for a while, with faults among them, then a shutdown.
//! Afterwards everything must be as it was: memory, threads, file descriptors.
//!
//! ```text
//! cargo run --release --example soak -- --seconds 60
//! ```
//!
//! Each row that it prints shows the current state. The exit status is 1 if anything went
//! wrong: a wrong reply, a client that hangs, something left over.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use socket2::SockRef;
use socketserver::{
    Address, RequestHandler, RunningServer, ServerBuilder, Stats, StreamRequest,
    StreamWriter, ThreadedServer, UdpRequest,
};

/// How long anything can take before we say that it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// No more memory than this may be left over, in bytes. It isn't a leak if an allocator
/// keeps a little for later, but it's a leak if the memory grows with time.
const MEMORY: usize = 8 << 20;

fn main() -> ExitCode {
    const USAGE: &str = "soak: all kinds of clients for a while, then nothing may be left\n\
                         usage: soak [--seconds N]    60 without it";
    let words = std::env::args_os().skip(1);
    let words: Vec<String> =
        words.map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let seconds = match words[..] {
        [] => Ok(60),
        ["--seconds", seconds] => seconds
            .parse()
            .map_err(|_| format!("--seconds takes a whole number, not `{seconds}`.")),
        ["--seconds"] => Err("--seconds needs a number after it.".to_owned()),
        ["--help" | "-h"] => {
            show(USAGE);
            return ExitCode::SUCCESS;
        }
        _ => Err(format!("There is no `{}`.", words.join(" "))),
    };
    let seconds = match seconds {
        Ok(seconds) => seconds,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match soak(Duration::from_secs(seconds)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            let _ = writeln!(io::stderr(), "soak: {problems}");
            ExitCode::FAILURE
        }
    }
}

/// Prints some lines. The soak goes on if nobody reads them (`| head -1`): its result is
/// the exit status.
fn show(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Serves for this long. Before that, it serves for a moment, so that everything grows to
/// its final size. The error says what went wrong, one problem per line.
pub(crate) fn soak(time: Duration) -> Result<(), String> {
    panics_on_purpose_are_silent();
    let hour = Arc::new(Hour::default());
    season(&hour, Duration::from_secs(1));
    let before = Usage::now();
    season(&hour, time);
    let after = Usage::settled(&before);
    show(&format!("before: {before}\nafter:  {after}"));
    let mut problems = hour.problems.lock().clone();
    if !after.is_back(&before) {
        problems.push(format!("something is left: {before} before, {after} after"));
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// What all clients share.
#[derive(Default)]
struct Hour {
    /// The servers have been stopped: a client that can't connect may leave.
    over: AtomicBool,
    replies: AtomicU64,
    /// The first few things that went wrong.
    problems: Mutex<Vec<String>>,
}

impl Hour {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    fn replied(&self) {
        self.replies.fetch_add(1, Ordering::Relaxed);
    }

    fn problem(&self, problem: impl fmt::Display) {
        let mut problems = self.problems.lock();
        if problems.len() < 10 {
            problems.push(problem.to_string());
        }
    }
}

/// One run from start to stop.
fn season(hour: &Arc<Hour>, time: Duration) {
    hour.over.store(false, Ordering::SeqCst);
    let servers = Servers::start();
    let clients = servers.clients(hour);
    let begin = Instant::now();
    let mut told = begin;
    while let Some(left) = time.checked_sub(begin.elapsed()) {
        thread::sleep(left.min(Duration::from_millis(200)));
        if told.elapsed() >= Duration::from_secs(5) {
            told = Instant::now();
            let replies = hour.replies.load(Ordering::Relaxed);
            show(&format!(
                "{:>4} s: {replies} replies\n        {}\n        {}",
                begin.elapsed().as_secs(),
                servers.tcp.stats(),
                Usage::now()
            ));
        }
    }
    let stopping = Instant::now();
    servers.stop(hour);
    show(&format!("stopped after {} ms", stopping.elapsed().as_millis()));
    hour.over.store(true, Ordering::SeqCst);
    for client in clients {
        let name = client.thread().name().unwrap_or("?").to_owned();
        let until = Instant::now() + PATIENCE;
        while !client.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        if !client.is_finished() {
            hour.problem(format_args!("{name} hangs"));
        } else if client.join().is_err() {
            hour.problem(format_args!("{name} panicked"));
        }
    }
}

// ---- The servers ----------------------------------------------------------------------

/// What this process serves.
struct Servers {
    tcp: RunningServer,
    udp: RunningServer,
    #[cfg(unix)]
    unix: RunningServer<std::path::PathBuf>,
}

impl Servers {
    fn start() -> Self {
        let any = "127.0.0.1:0";
        let error = "a server starts";
        #[cfg(unix)]
        let path = std::env::temp_dir().join(format!("soak-{}", std::process::id()));
        Self {
            tcp: options().tcp(any, Soaked::new()).expect(error).spawn().expect(error),
            udp: options().udp(any, answer).expect(error).spawn().expect(error),
            #[cfg(unix)]
            unix: options()
                .unix(path, Soaked::new())
                .expect(error)
                .spawn()
                .expect(error),
        }
    }

    /// Starts all clients.
    fn clients(&self, hour: &Arc<Hour>) -> Vec<JoinHandle<()>> {
        let mut clients = Clients { hour, started: Vec::new() };
        let tcp = self.tcp.local_addr();
        let connect = move || connect(tcp);
        clients.start("good", 4, move |hour, random| {
            good(hour, random, connect);
        });
        clients.start("slow", 3, move |hour, random| slow(hour, random, connect));
        clients.start("broken", 6, move |_, random| {
            let _ = broken(random, connect); // however it ends is fine
        });
        clients.start("chatting", 4, move |_, random| {
            let _ = chatting(random, connect);
        });
        let udp = self.udp.local_addr();
        clients.start("udp", 2, move |hour, random| datagrams(hour, random, udp));
        #[cfg(unix)]
        {
            let path = self.unix.local_addr();
            clients.start("unix", 2, move |hour, random| {
                good(hour, random, || connect_unix(&path));
            });
        }
        clients.started
    }

    /// Stops all servers, while the clients go on.
    fn stop(self, hour: &Hour) {
        stop("tcp", self.tcp, hour);
        stop("udp", self.udp, hour);
        #[cfg(unix)]
        stop("unix", self.unix, hour);
    }
}

/// Stops one server, and checks that it ended well.
fn stop<A: Clone + Send + 'static>(name: &str, server: RunningServer<A>, hour: &Hour) {
    let handle = server.handle();
    handle.shutdown();
    if let Err(error) = server.join() {
        hour.problem(format_args!("{name}: {error}"));
    }
    let stats = handle.stats();
    let Stats { finished, failed, panicked, disconnected, timed_out, .. } = stats;
    let elsewhere =
        finished + failed + panicked + disconnected + timed_out + stats.cut_off;
    if stats.accepted != stats.rejected + elsewhere || stats.active > 0 {
        hour.problem(format_args!("{name}: the counts do not agree: {stats}"));
    }
}

const READ_TIMEOUT: Duration = Duration::from_millis(500);
const SESSION_TIMEOUT: Duration = Duration::from_secs(3);

/// Small limits, so that clients reach all of them.
fn options() -> ServerBuilder {
    let count = AtomicU64::new(0);
    ThreadedServer::builder()
        .max_connections(12)
        .max_line(2000)
        .read_timeout(READ_TIMEOUT)
        .write_timeout(Duration::from_millis(300))
        .session_timeout(SESSION_TIMEOUT)
        .drain_timeout(Duration::from_secs(10))
        .idle_thread_timeout(Duration::from_millis(100))
        // One in twenty is rejected.
        .verify_request(move |_| count.fetch_add(1, Ordering::Relaxed) % 20 != 19)
        .handle_error(|_, _| ())
}

/// Obeys each line: sends it back, or causes the trouble that it asks for.
struct Soaked {
    room: Arc<Mutex<Room>>, // shared by all clients
    seat: Option<u64>,      // this client's
}

/// A part of a large reply.
static LARGE: [u8; 64 << 10] = [b'L'; 64 << 10];

/// The clients that chat.
struct Room {
    members: HashMap<u64, StreamWriter>,
    last_seat: u64,
}

impl Soaked {
    fn new() -> Self {
        let room = Room { members: HashMap::new(), last_seat: 0 };
        Self { room: Arc::new(Mutex::new(room)), seat: None }
    }

    fn join<A: Address>(&mut self, request: &StreamRequest<A>) {
        let mut room = self.room.lock();
        room.last_seat += 1;
        let seat = room.last_seat;
        room.members.insert(seat, request.writer());
        self.seat = Some(seat);
    }

    /// Sends a line to every client in the room.
    fn say(&self, line: &str) {
        // Not under the lock, because some clients are slow.
        let everybody: Vec<_> = self.room.lock().members.values().cloned().collect();
        for mut client in everybody {
            let _ = writeln!(client, "{line}"); // the client might have left
        }
    }
}

impl Clone for Soaked {
    fn clone(&self) -> Self {
        Self { room: Arc::clone(&self.room), seat: None }
    }
}

impl<A: Address> RequestHandler<StreamRequest<A>> for Soaked {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        while let Some(line) = request.next_line()? {
            match line.as_str() {
                "panic" => panic!("{ON_PURPOSE}"),
                "error" => return Err(io::Error::other(ON_PURPOSE)),
                "enough" => return Ok(()),
                "large" => (0..64).try_for_each(|_| request.write_all(&LARGE))?,
                "join" => self.join(request),
                line if line.starts_with("say ") => self.say(line),
                line => writeln!(request, "{line}")?,
            }
        }
        Ok(())
    }

    fn finish(&mut self, _: &mut StreamRequest<A>) -> io::Result<()> {
        if let Some(seat) = self.seat {
            self.room.lock().members.remove(&seat);
        }
        Ok(())
    }
}

/// Replies to a datagram, sometimes slowly.
fn answer(request: &mut UdpRequest) -> io::Result<()> {
    if request.data().first() == Some(&0) {
        thread::sleep(Duration::from_millis(3));
    }
    request.reply(request.data())
}

// ---- The clients ----------------------------------------------------------------------

/// The clients that have been started.
struct Clients<'a> {
    hour: &'a Arc<Hour>,
    started: Vec<JoinHandle<()>>,
}

impl Clients<'_> {
    /// Starts `count` clients of a kind. Each goes on until the hour is over.
    fn start(
        &mut self,
        name: &str,
        count: usize,
        visit: impl Fn(&Hour, &mut Random) + Clone + Send + 'static,
    ) {
        for number in 1..=count {
            let (hour, visit) = (Arc::clone(self.hour), visit.clone());
            let mut random = Random(self.started.len() as u64);
            let client = thread::Builder::new().name(format!("{name}-{number}"));
            let client = client.spawn(move || {
                while !hour.is_over() {
                    visit(&hour, &mut random);
                }
            });
            self.started.push(client.expect("a thread for a client"));
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let client = TcpStream::connect_timeout(&address, PATIENCE);
    let client = client.inspect_err(|_| thread::sleep(Duration::from_millis(5)))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    Ok(client)
}

#[cfg(unix)]
fn connect_unix(path: &std::path::Path) -> io::Result<std::os::unix::net::UnixStream> {
    let client = std::os::unix::net::UnixStream::connect(path);
    let client = client.inspect_err(|_| thread::sleep(Duration::from_millis(5)))?;
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    Ok(client)
}

/// Sends a few requests. Once a client has a reply, it's being served. So it must get
/// whole replies or see a clean end, and that end comes only when the server stops. (On a
/// busy machine, the client itself might be too slow, and be disconnected for that.)
fn good<S: Read + Write>(
    hour: &Hour,
    random: &mut Random,
    connect: impl Fn() -> io::Result<S>,
) {
    let Ok(client) = connect() else { return };
    let mut client = BufReader::new(client);
    let begin = Instant::now();
    let mut last = begin;
    for number in 0..1 + random.below(30) {
        let question = format!("question {number} {}\n", "?".repeat(random.below(500)));
        let sent = client.get_mut().write_all(question.as_bytes());
        let mut answer = String::new();
        match client.read_line(&mut answer) {
            Ok(_) if sent.is_ok() && answer == question => hour.replied(),
            Ok(0) => return, // rejected, or the server stops
            _ if last.elapsed() > READ_TIMEOUT / 2 => return,
            _ if begin.elapsed() > SESSION_TIMEOUT / 2 => return,
            Err(error) if number == 0 && error.kind() == ErrorKind::ConnectionReset => {
                return; // the server stopped while the client was in the queue
            }
            end => {
                let count = answer.len();
                hour.problem(format_args!("{count} bytes for {number}, {end:?}"));
                return;
            }
        }
        last = Instant::now();
    }
}

/// Sends its line byte by byte, or nothing at all. It gets a reply or is disconnected.
fn slow(hour: &Hour, random: &mut Random, connect: impl Fn() -> io::Result<TcpStream>) {
    let Ok(mut client) = connect() else { return };
    let pause = Duration::from_millis(random.below(30) as u64);
    for byte in b"slowly\n".iter().take(random.below(9)) {
        if client.write_all(&[*byte]).is_err() {
            return;
        }
        thread::sleep(pause);
    }
    let begin = Instant::now();
    let _ = io::copy(&mut client, &mut io::sink());
    if begin.elapsed() >= PATIENCE {
        hour.problem("a slow client is never disconnected");
    }
}

/// Does one of the things that clients shouldn't do.
fn broken(
    random: &mut Random,
    connect: impl Fn() -> io::Result<TcpStream>,
) -> io::Result<()> {
    let mut client = connect()?;
    match random.below(8) {
        0 => client.write_all(b"panic\n")?,
        1 => client.write_all(b"error\n")?,
        2 => client.write_all(b"\xff\xfe\xfd\n")?,
        3 => (0..100).try_for_each(|_| client.write_all(&[b'x'; 1000]))?, // a line that never ends
        4 => {
            client.write_all(b"half a line")?;
            client.shutdown(Shutdown::Write)?;
        }
        5 => client.write_all(b"enough\nmore than it wants to know\n")?,
        6 => {
            client.write_all(b"large\n")?;
            thread::sleep(Duration::from_millis(random.below(400) as u64)); // with unread bytes
        }
        _ => {
            client.write_all(b"large\n")?;
            io::copy(
                &mut (&client).take(1 + random.below(100_000) as u64),
                &mut io::sink(),
            )?;
        }
    }
    if random.below(2) == 0 {
        SockRef::from(&client).set_linger(Some(Duration::ZERO))?; // a reset
        return Ok(());
    }
    client.set_read_timeout(Some(Duration::from_millis(100)))?;
    io::copy(&mut client, &mut io::sink()).map(drop)
}

/// Joins the room, says a few things and reads what others say.
fn chatting(
    random: &mut Random,
    connect: impl Fn() -> io::Result<TcpStream>,
) -> io::Result<()> {
    let mut client = connect()?;
    client.write_all(b"join\n")?;
    for _ in 0..random.below(20) {
        client.write_all(b"say what everybody hears\n")?;
        client.read_exact(&mut [0; 10])?;
    }
    Ok(())
}

/// Sends requests by UDP, one at a time, so none should be lost.
fn datagrams(hour: &Hour, random: &mut Random, address: SocketAddr) {
    let Ok(client) = UdpSocket::bind("127.0.0.1:0") else { return };
    let ready = client
        .connect(address)
        .and_then(|()| client.set_read_timeout(Some(Duration::from_secs(1))));
    if ready.is_err() {
        return;
    }
    let mut answer = vec![0; 70_000];
    let mut unanswered = 0;
    while !hour.is_over() {
        let question = vec![random.below(20) as u8; random.below(2000)];
        // The error might be about the previous datagram, if the server has ended.
        let _ = client.send(&question);
        match client.recv(&mut answer) {
            Ok(count) if answer[..count] == question => {
                hour.replied();
                unanswered = 0;
            }
            Ok(count) => hour.problem(format_args!("a datagram of {count} bytes")),
            // One in twenty is rejected, which looks like this. A server that stops is
            // silent, too.
            Err(_) if hour.is_over() => return,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(_) => unanswered += 1,
        }
        if unanswered > 5 {
            hour.problem("datagrams get no replies");
            return;
        }
    }
}

// ---- What is used ---------------------------------------------------------------------

/// What this process uses; nothing if the system can't tell us.
struct Usage {
    /// In bytes.
    memory: usize,
    threads: usize,
    descriptors: usize,
}

impl Usage {
    fn now() -> Self {
        let count = |dir| fs::read_dir(dir).map_or(0, Iterator::count);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = memory.and_then(|memory| memory.split_whitespace().next());
        Self {
            memory: kilobytes.and_then(|k| k.parse().ok()).map_or(0, |k: usize| k << 10),
            threads: count("/proc/self/task"),
            descriptors: count("/proc/self/fd"),
        }
    }

    /// What is used once everything that is about to end has ended.
    fn settled(before: &Self) -> Self {
        let until = Instant::now() + PATIENCE;
        let mut now = Self::now();
        while !now.is_back(before) && Instant::now() < until {
            thread::sleep(Duration::from_millis(10));
            now = Self::now();
        }
        now
    }

    fn is_back(&self, before: &Self) -> bool {
        self.threads == before.threads
            && self.descriptors == before.descriptors
            && self.memory <= before.memory + MEMORY
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.memory as f64 / f64::from(1 << 20);
        write!(f, "{megabytes:.1} MB, {} threads, ", self.threads)?;
        write!(f, "{} descriptors", self.descriptors)
    }
}

/// The message of handlers that fail deliberately.
const ON_PURPOSE: &str = "on purpose";

fn panics_on_purpose_are_silent() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<String>().is_none_or(|it| it != ON_PURPOSE) {
            others(panic);
        }
    }));
}

/// Numbers that look random (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % end as u64) as usize
    }
}
