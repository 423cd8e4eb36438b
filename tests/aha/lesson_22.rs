//! Lesson 22: one room on many machines. Each test has a broker of its own. Where no
//! `redis-server` is installed, they say so and skip.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use course::programs::{self, DEADLINE, Program, example};

#[path = "../course/mod.rs"]
mod course;
#[path = "../../examples/support"]
mod support {
    pub(crate) mod text;
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A broker of one's own. Where none is installed, the test ends here.
macro_rules! broker {
    () => {
        match Broker::start()? {
            Some(broker) => broker,
            None => return Ok(()),
        }
    };
}

/// A port for a broker, and the one that a cluster's nodes use for each other, which is
/// larger by 10,000. No system gives out ports below 32,768 by itself. So no client of
/// another test gets a broker's port while the broker is dead.
fn port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    for _ in 0..10_000 {
        let number = std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 12_000 + (number % 10_000) as u16;
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
    panic!("no port is free")
}

/// A broker that keeps nothing on disk.
struct Broker {
    program: Option<Program>,
    port: u16,
}

impl Broker {
    fn start() -> Result<Option<Self>, Box<dyn std::error::Error>> {
        static ONCE: Once = Once::new();
        let version = Command::new("redis-server").arg("--version").output();
        let has_one = version.is_ok_and(|output| output.status.success());
        if !has_one {
            ONCE.call_once(|| {
                let text =
                    "SKIPPED: no redis-server here, so lesson 22 was not tested\n";
                let _ = std::io::stderr().write_all(text.as_bytes());
            });
            return Ok(None);
        }
        let mut broker = Self { program: None, port: port() };
        broker.begin()?;
        Ok(Some(broker))
    }

    /// Starts it, empty, and waits until it answers.
    fn begin(&mut self) -> Outcome {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--port",
        ]);
        self.program = Some(Program::start(command.arg(port).current_dir("/"))?);
        let end = Instant::now() + DEADLINE;
        while self.cli(&["PING"])?.trim() != "PONG" {
            assert!(Instant::now() < end, "the broker does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Kills it, as a power cut would.
    fn dies(&mut self) {
        self.program = None;
    }

    /// Sends it a signal.
    fn signal(&self, name: &str) -> Outcome {
        let program = self.program.as_ref().ok_or("it is dead")?;
        signal(program, name)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Says something to it with a program that nobody here wrote.
    fn cli(&self, words: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
        let mut command = Command::new("redis-cli");
        let output =
            command.args(["-p", &self.port.to_string()]).args(words).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A server of the room.
    fn server(&self) -> Result<(Program, SocketAddr), String> {
        let mut command = Command::new(example("22_many_machines"));
        let url = self.url();
        Program::server(command.args([
            "serve",
            "--addr",
            "127.0.0.1:0",
            "--broker",
            &url,
        ]))
    }
}

fn signal(program: &Program, name: &str) -> Outcome {
    let status =
        Command::new("kill").args([name, &program.id().to_string()]).status()?;
    assert!(status.success());
    Ok(())
}

/// The Python version of a server, where Python has what it needs.
fn python_server(broker: &Broker) -> Result<Option<(Program, SocketAddr)>, String> {
    let Some(python) = programs::python_with("redis") else { return Ok(None) };
    let mut command = Command::new(python);
    command.args(["lessons/python/22_many_machines.py", "serve"]);
    command.args(["--addr", "127.0.0.1:0", "--broker", &broker.url()]);
    Program::server(&mut command).map(Some)
}

/// A client that keeps what it hears.
struct Guest {
    stream: BufReader<TcpStream>,
    heard: Vec<String>,
}

impl Guest {
    /// Enters, under a name.
    fn named(addr: SocketAddr, name: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let mut guest = Self::enters(addr)?;
        guest.says(&format!("/nick {name}"))?;
        guest.hears(&format!(" is now {name}"))?;
        Ok(guest)
    }

    /// Enters, as soon as the server knows its broker.
    fn enters(addr: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        let end = Instant::now() + DEADLINE;
        loop {
            let stream = TcpStream::connect_timeout(&addr, DEADLINE)?;
            stream.set_read_timeout(Some(DEADLINE))?;
            let mut guest = Self { stream: BufReader::new(stream), heard: vec![] };
            let first = guest.line()?;
            if first.starts_with("-- you are ") {
                return Ok(guest);
            }
            assert_eq!(first, "-- the broker does not answer: come back later");
            assert!(Instant::now() < end, "nobody may enter");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Enters on a connection whose buffers are soon full, since it doesn't read.
    fn stalls(addr: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        let domain = socket2::Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        #[cfg(unix)]
        socket.set_tcp_mss(1000)?; // small packets, and so a small buffer at the other end
        socket.set_recv_buffer_size(4096)?;
        socket.connect(&addr.into())?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut guest = Self { stream: BufReader::new(stream), heard: vec![] };
        guest.line()?;
        Ok(guest)
    }

    /// What its server called it at first.
    fn name(&self) -> String {
        let name = self.heard[0].strip_prefix("-- you are ").unwrap_or_default();
        name.split(": ").next().unwrap_or_default().to_owned()
    }

    fn says(&mut self, line: &str) -> std::io::Result<()> {
        self.sends(format!("{line}\n").as_bytes())
    }

    fn sends(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    fn line(&mut self) -> Result<String, Box<dyn std::error::Error>> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let line = line.trim_end().to_owned();
        self.heard.push(line.clone());
        Ok(line)
    }

    /// Reads on until a line has these words.
    fn hears(&mut self, words: &str) -> Result<String, Box<dyn std::error::Error>> {
        loop {
            let line = self.line().map_err(|error| {
                format!("no `{words}` came ({error}), but {:#?}", self.heard)
            })?;
            if line.contains(words) {
                return Ok(line);
            }
            if line.is_empty() {
                return Err(format!("no `{words}`, but {:#?}", self.heard).into());
            }
        }
    }

    /// How often this very line was heard.
    fn count(&self, line: &str) -> usize {
        self.heard.iter().filter(|heard| *heard == line).count()
    }

    /// What people have said, in the order in which it was heard.
    fn talk(&self) -> Vec<&String> {
        self.heard.iter().filter(|line| !line.starts_with("-- ")).collect()
    }
}

#[test]
fn every_server_delivers_all_lines_in_the_same_order() -> Outcome {
    const LINES: usize = 200;
    let broker = broker!();
    let ((_one, one), (_two, two)) = (broker.server()?, broker.server()?);
    let names = [("ada", one), ("bob", two), ("cem", two), ("dot", one)];
    let guests = names.map(|(name, addr)| Guest::named(addr, name));
    let mut guests = guests.into_iter().collect::<Result<Vec<_>, _>>()?;
    for guest in &mut guests[..3] {
        guest.hears("is now dot")?;
    }
    let heard = thread::scope(|scope| {
        let guests = guests.into_iter().map(|mut guest| {
            scope.spawn(move || {
                let mut writer =
                    guest.stream.get_ref().try_clone().map_err(|e| e.to_string())?;
                let writing = thread::spawn(move || {
                    (0..LINES).try_for_each(|number| writeln!(writer, "line {number}"))
                });
                while guest.talk().len() < 4 * LINES {
                    guest.line().map_err(|error| error.to_string())?;
                }
                let _ = writing.join();
                Ok(guest.talk().into_iter().cloned().collect::<Vec<_>>())
            })
        });
        let guests: Vec<_> = guests.collect();
        guests
            .into_iter()
            .map(|it| it.join().unwrap_or(Err("panic".to_owned())))
            .collect()
    });
    let heard: Vec<Vec<String>> = Result::<_, String>::from_iter::<Vec<_>>(heard)?;
    for other in &heard[1..] {
        assert!(heard[0] == *other, "two guests heard two orders");
    }
    for (name, _) in names {
        let of = |line: &&String| line.starts_with(&format!("{name}: "));
        let lines: Vec<&String> = heard[0].iter().filter(of).collect();
        let said: Vec<String> =
            (0..LINES).map(|n| format!("{name}: line {n}")).collect();
        assert!(lines.into_iter().eq(&said), "{name}'s lines are not in her order");
    }
    Ok(())
}

#[test]
fn a_client_that_comes_late_sees_the_last_lines() -> Outcome {
    let broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::named(one, "ada")?;
    for number in 0..30 {
        ada.says(&format!("line {number}"))?;
    }
    ada.hears("ada: line 29")?;
    let (_two, two) = broker.server()?; // it starts late, too
    for addr in [one, two] {
        let mut late = Guest::enters(addr)?;
        late.hears("ada: line 29")?;
        assert!((15..=20).contains(&late.talk().len()), "{:#?}", late.heard);
    }
    Ok(())
}

#[test]
fn a_name_is_taken_on_every_server_and_free_when_its_owner_has_left() -> Outcome {
    let broker = broker!();
    let ((_one, one), (_two, two)) = (broker.server()?, broker.server()?);
    let mut ada = Guest::named(one, "ada")?;
    let mut bob = Guest::named(two, "bob")?;
    bob.says("/nick ADA")?;
    bob.hears("-- ADA is taken")?;
    bob.says("/who")?;
    bob.hears("-- here: ada, bob")?;
    ada.says("/nick Ada")?; // her own name, in other letters
    ada.hears("-- ada is now Ada")?;
    ada.says("/quit")?;
    bob.hears("-- Ada left")?;
    bob.says("/nick ada")?;
    bob.hears("-- bob is now ada")?;
    assert!(broker.cli(&["TTL", "{chat}:name:ada"])?.trim().parse::<i32>()? <= 10);
    Ok(())
}

/// Ada at one server says lines while something happens; bob at the other listens. Each
/// line was heard once, or ada was told (or bob, if only her server got it); says how many
/// were heard, and how many were not.
fn accounted(
    broker: &mut Broker,
    mut happens: impl FnMut(&mut Broker, usize) -> Outcome,
) -> Result<(usize, usize), Box<dyn std::error::Error>> {
    const LINES: usize = 120;
    let ((_one, one), (_two, two)) = (broker.server()?, broker.server()?);
    let (mut ada, mut bob) = (Guest::named(one, "ada")?, Guest::named(two, "bob")?);
    for number in 0..LINES {
        happens(broker, number)?;
        ada.says(&format!("line {number}"))?;
        thread::sleep(Duration::from_millis(10)); // she types
    }
    // When the last one is heard at both, all verdicts are there.
    let end = Instant::now() + 2 * DEADLINE;
    for at in 0.. {
        assert!(Instant::now() < end, "they do not find together: {:#?}", ada.heard);
        ada.says(&format!("end {at}"))?;
        let answer = ada.hears(&format!(": end {at}"))?;
        if answer == format!("ada: end {at}") {
            bob.hears(&answer)?;
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    // A verdict comes with the next settlement at the latest.
    let told = |ada: &Guest, line: &str| {
        ada.heard.iter().any(|it| {
            it.starts_with("-- not said") && it.ends_with(&format!(": {line}"))
                || *it
                    == format!("-- perhaps not said, the broker has forgotten: {line}")
        })
    };
    let (mut heard, mut lost) = (0, 0);
    for number in 0..LINES {
        let line = format!("line {number}");
        match (bob.count(&format!("ada: {line}")), ada.count(&format!("ada: {line}"))) {
            (1, 1) => heard += 1,
            (0, 0) => {
                while !told(&ada, &line) {
                    ada.line().map_err(|_| format!("{line} was lost silently"))?;
                }
                lost += 1;
            }
            (1, 0) | (0, 1) if told(&ada, &line) => lost += 1,
            // Only her server had read it when the broker died.
            (0, 1) if bob.heard.iter().any(|it| it.contains("may be missing here")) => {
                lost += 1;
            }
            other => return Err(format!("{line} was heard {other:?} times").into()),
        }
    }
    Ok((heard, lost))
}

#[test]
fn a_broker_that_dies_and_comes_back_empty_loses_nothing_silently() -> Outcome {
    let mut broker = broker!();
    let (heard, lost) = accounted(&mut broker, |broker, number| {
        match number {
            40 => broker.dies(),
            80 => broker.begin()?,
            _ => {}
        }
        Ok(())
    })?;
    assert!(heard >= 40 && lost >= 30, "{heard} heard, {lost} lost");
    Ok(())
}

#[test]
fn a_broker_that_stops_and_goes_on_loses_nothing_silently_and_says_nothing_twice()
-> Outcome {
    let mut broker = broker!();
    let (heard, lost) = accounted(&mut broker, |broker, number| {
        match number {
            40 => broker.signal("-STOP")?,
            // Longer than the patience of the servers: some get no answer.
            80 => {
                thread::sleep(Duration::from_secs(3));
                broker.signal("-CONT")?;
            }
            _ => {}
        }
        Ok(())
    })?;
    assert!(heard >= 40, "{heard} heard, {lost} lost");
    Ok(())
}

#[test]
fn a_line_without_an_answer_gets_its_verdict_although_nobody_speaks_again() -> Outcome {
    let broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::named(one, "ada")?;
    // It takes what writes and does not do it; it forgets that if the connection ends.
    broker.cli(&["CLIENT", "PAUSE", "3500", "WRITE"])?;
    ada.says("Hello")?;
    ada.hears("-- not known yet whether this was said: Hello")?;
    ada.hears("-- not said: Hello")?;
    assert_eq!(ada.count("ada: Hello"), 0);
    Ok(())
}

#[test]
fn a_broker_whose_clock_went_back_is_understood() -> Outcome {
    let mut broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::named(one, "ada")?;
    broker.cli(&["XADD", "{chat}", "99999999999999-1", "line", "from the future"])?;
    ada.hears("from the future")?;
    broker.dies();
    ada.hears("-- cut off from the other servers")?;
    broker.begin()?; // its entries are older now than the last one that was read
    ada.hears("-- the broker has forgotten: lines may be missing here")?;
    ada.hears("-- together with the other servers again")?;
    ada.says("Hello")?;
    ada.hears("ada: Hello")?;
    Ok(())
}

#[test]
fn a_full_broker_refuses_a_line_and_the_speaker_is_told() -> Outcome {
    let broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::named(one, "ada")?;
    broker.cli(&["CONFIG", "SET", "maxmemory", "1"])?;
    ada.says("Hello")?;
    ada.hears("-- not said (the broker is full): Hello")?;
    broker.cli(&["CONFIG", "SET", "maxmemory", "0"])?;
    ada.says("again")?;
    ada.hears("ada: again")?;
    assert_eq!(ada.count("ada: Hello"), 0);
    Ok(())
}

#[test]
fn entries_sent_twice_are_delivered_once_and_foreign_ones_do_no_harm() -> Outcome {
    let broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::named(one, "ada")?;
    for line in ["first", "first again"] {
        broker.cli(&["XADD", "{chat}", "*", "by", "x", "n", "7", "line", line])?;
    }
    broker.cli(&["XADD", "{chat}", "*", "n", "-1", "by", "", "line", "a\x1b[2J\nb"])?;
    broker.cli(&["XADD", "{chat}", "*", "neither", "nor"])?;
    let mut bytes = Command::new("redis-cli");
    bytes.args(["-p", &broker.port.to_string(), "-x", "XADD", "{chat}", "*", "line"]);
    let mut bytes = bytes.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    bytes.stdin.take().ok_or("no input")?.write_all(b"\xff\xfe")?;
    bytes.wait()?;
    ada.says("still here")?;
    ada.hears("ada: still here")?;
    assert_eq!(ada.count("first"), 1);
    assert_eq!(ada.count("first again"), 0);
    assert_eq!(ada.count("a\u{fffd}[2J\u{fffd}b"), 1);
    assert_eq!(ada.count("\u{fffd}\u{fffd}"), 1);
    Ok(())
}

#[test]
fn a_server_that_was_too_far_behind_says_so() -> Outcome {
    let broker = broker!();
    let ((one, at_one), (_two, two)) = (broker.server()?, broker.server()?);
    let (mut ada, mut bob) = (Guest::named(at_one, "ada")?, Guest::named(two, "bob")?);
    signal(&one, "-STOP")?;
    let text =
        "for i in $(seq 4000); do echo XADD {chat} MAXLEN '~' 1000 '*' line $i; done";
    let port = broker.port;
    let many = format!("{{ {text}; }} | redis-cli -p {port} >/dev/null");
    assert!(Command::new("sh").args(["-c", &many]).status()?.success());
    bob.hears("4000")?; // (on a busy machine his server can be too far behind, too)
    let kept: usize = broker.cli(&["XLEN", "{chat}"])?.trim().parse()?;
    assert!((1000..1300).contains(&kept), "the stream keeps {kept} lines");
    signal(&one, "-CONT")?;
    ada.hears("-- lines may be missing here: this server was too far behind")?;
    ada.hears("4000")?;
    Ok(())
}

/// So many lines come in one moment that the stream forgets the first of them before any
/// server can ask: the listener is too slow, although its connection never broke.
#[test]
fn a_server_that_reads_too_slowly_says_so_although_it_was_never_cut_off() -> Outcome {
    let broker = broker!();
    let servers = both_kinds(&broker)?;
    let guests = servers.iter().map(|(_, addr)| Guest::enters(*addr));
    let mut guests = guests.collect::<Result<Vec<_>, _>>()?;
    let many = "for i = 1, 3000 do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, \
                '*', 'line', 'line ' .. i) end";
    broker.cli(&["EVAL", many, "1", "{chat}"])?;
    for guest in &mut guests {
        guest.hears("line 3000")?;
        let first =
            guest.heard.iter().position(|it| it.starts_with("line ")).unwrap_or(0);
        assert!(
            guest.heard[first] != "line 1",
            "nothing is missing, so this tests nothing"
        );
        assert_eq!(
            guest.heard[first - 1],
            "-- lines may be missing here: this server was too far behind"
        );
        assert_eq!(guest.heard.iter().filter(|it| it.contains("missing")).count(), 1);
        assert_eq!(guest.heard.iter().filter(|it| it.contains("cut off")).count(), 0);
    }
    Ok(())
}

/// A hundred lines and more in one moment are many, but none of them is missing.
#[test]
fn a_server_that_is_not_too_far_behind_says_nothing() -> Outcome {
    let broker = broker!();
    let (_one, one) = broker.server()?;
    let mut ada = Guest::enters(one)?;
    let many = "for i = 1, 900 do redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, \
                '*', 'line', 'line ' .. i) end";
    broker.cli(&["EVAL", many, "1", "{chat}"])?;
    ada.hears("line 900")?;
    assert_eq!(ada.heard.iter().filter(|it| it.starts_with("line ")).count(), 900);
    assert_eq!(ada.heard.iter().filter(|it| it.contains("missing")).count(), 0);
    Ok(())
}

/// The servers see nothing of the broker's death, and its new stream is the longer one.
#[test]
fn a_broker_that_was_emptied_unseen_is_noticed() -> Outcome {
    let mut broker = broker!();
    let servers = both_kinds(&broker)?;
    let guests = servers.iter().map(|(_, addr)| Guest::enters(*addr));
    let mut guests = guests.collect::<Result<Vec<_>, _>>()?;
    for guest in &mut guests {
        guest.says("before")?;
        guest.hears(": before")?;
    }
    for (server, _) in &servers {
        signal(server, "-STOP")?;
    }
    broker.dies();
    broker.begin()?;
    broker.cli(&["XADD", "{chat}", "*", "line", "after"])?;
    for (server, _) in &servers {
        signal(server, "-CONT")?;
    }
    for guest in &mut guests {
        guest.hears("after")?;
        assert!(guest.heard.iter().any(|line| line.contains("lines may be missing")));
    }
    Ok(())
}

/// Ten seconds are long for a test, so it brings the end of both leases closer.
#[test]
fn a_killed_server_s_names_end_with_their_lease_and_a_living_one_s_go_on() -> Outcome {
    let broker = broker!();
    let ((one, at_one), (_two, two)) = (broker.server()?, broker.server()?);
    let (mut ada, mut bob) = (Guest::named(at_one, "ada")?, Guest::named(two, "bob")?);
    ada.hears("is now bob")?;
    drop(one); // killed
    assert_eq!(ada.line()?, "");
    bob.says("/nick ada")?;
    bob.hears("-- ada is taken")?;
    bob.says("/who")?;
    bob.hears("-- here: ada, bob")?;
    let left: i32 = broker.cli(&["TTL", "{chat}:name:ada"])?.trim().parse()?;
    assert!((1..=10).contains(&left), "{left} seconds");

    for name in ["ada", "bob"] {
        let key = format!("{{chat}}:name:{name}");
        assert_eq!(broker.cli(&["EXPIRE", &key, "3"])?.trim(), "1");
    }
    let end = Instant::now() + DEADLINE;
    while broker.cli(&["EXISTS", "{chat}:name:ada"])?.trim() != "0" {
        assert!(Instant::now() < end, "ada's name never ends");
        thread::sleep(Duration::from_millis(50));
    }
    bob.says("/who")?;
    bob.hears("-- here: bob")?; // renewed by the server that lives
    bob.says("/nick ada")?;
    bob.hears("-- bob is now ada")?;
    Ok(())
}

/// A server of each kind, and where it listens. Only the Rust one, if Python can't.
fn both_kinds(
    broker: &Broker,
) -> Result<Vec<(Program, SocketAddr)>, Box<dyn std::error::Error>> {
    let mut servers = vec![broker.server()?];
    servers.extend(python_server(broker)?);
    Ok(servers)
}

#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn an_odd_client_does_not_disturb_any_server() -> Outcome {
    let broker = broker!();
    let (_other, other) = broker.server()?;
    let mut bob = Guest::named(other, "bob")?;
    let complaint = "-- that was not passed on: too long, or not UTF-8";
    for (_server, addr) in both_kinds(&broker)? {
        let mut odd = Guest::enters(addr)?;
        let name = odd.name();
        odd.sends(&vec![b'x'; 10_000_000])?;
        odd.says("")?;
        odd.hears(complaint)?;
        odd.sends(b"\xff\xfe \n")?;
        odd.hears(complaint)?;
        odd.says(&"x".repeat(3900))?;
        bob.hears(&"x".repeat(3900))?;
        odd.says("\x1b[2J\x07bell")?;
        bob.hears(&format!("{name}: \u{fffd}[2J\u{fffd}bell"))?;
        for byte in "sl\u{f6}wly\n".bytes() {
            odd.sends(&[byte])?;
        }
        bob.hears(&format!("{name}: sl\u{f6}wly"))?;
        odd.sends(b"in the mid")?;
        socket2::SockRef::from(odd.stream.get_ref()).set_linger(Some(Duration::ZERO))?;
        drop(odd); // closed with a reset
        bob.hears(&format!("-- {name} left"))?;
        let said: Vec<_> =
            bob.heard.iter().filter(|it| it.contains("in the mid")).collect();
        assert!(said.is_empty(), "{addr}: {said:?}");

        let mut half = Guest::enters(addr)?;
        let name = half.name();
        half.sends(b"no newline")?;
        half.stream.get_ref().shutdown(std::net::Shutdown::Write)?;
        half.hears("-- goodbye")?;
        assert_eq!(half.line()?, "");
        bob.hears(&format!("{name}: no newline"))?;
        bob.hears(&format!("-- {name} left"))?;

        for _ in 0..50 {
            drop(TcpStream::connect(addr)?); // never a byte
        }
        let mut ada = Guest::enters(addr)?;
        ada.says("still here")?;
        bob.hears(&format!("{}: still here", ada.name()))?;
    }
    assert_eq!(bob.heard.iter().filter(|line| line.len() > 4100).count(), 0);
    Ok(())
}

#[test]
fn a_client_that_never_reads_is_sent_away_and_nobody_misses_a_line() -> Outcome {
    const LINES: usize = 300;
    let broker = broker!();
    let (_other, other) = broker.server()?;
    for (_server, addr) in both_kinds(&broker)? {
        let (mut ada, mut bob) = (Guest::enters(addr)?, Guest::enters(other)?);
        let (ada_s_name, mut stalled) = (ada.name(), Guest::stalls(addr)?);
        for number in 0..LINES {
            let line = format!("line {number} {}", "bla ".repeat(900));
            ada.says(&line)?;
            for guest in [&mut ada, &mut bob] {
                guest.hears(&format!("{ada_s_name}: line {number} "))?;
            }
        }
        let left = format!("-- {} left", stalled.name());
        if bob.count(&left) == 0 {
            bob.hears(&left)?;
        }
        stalled.says("too late")?;
        socket2::SockRef::from(stalled.stream.get_ref())
            .set_recv_buffer_size(1 << 20)?;
        stalled.hears("-- disconnected: you do not read")?;
        assert_eq!(stalled.line()?, "");
        ada.says("still here")?;
        bob.hears(": still here")?;
        assert_eq!(bob.count(&format!("{}: too late", stalled.name())), 0);
    }
    Ok(())
}

/// The same names on all servers: otherwise a guest might lose hers by moving.
#[test]
fn a_name_can_have_marks_and_must_be_seen_on_every_server() -> Outcome {
    let broker = broker!();
    for (number, (_server, addr)) in both_kinds(&broker)?.into_iter().enumerate() {
        let mut guest = Guest::enters(addr)?;
        for name in ["e\u{301}va", "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}", "a_b-2"]
        {
            guest.says(&format!("/nick {name}{number}"))?; // not what a latecomer reads
            guest.hears(&format!(" is now {name}{number}"))?;
        }
        for name in
            ["\u{301}ada", "ada\u{3164}", "ada\u{200b}", "\u{202e}ada", "a,b", ""]
        {
            guest.says(&format!("/nick {name}"))?;
            guest.hears("-- a name has 1 to 20 letters, digits, - or _")?;
        }
        guest.says("/quit")?;
        guest.hears("-- goodbye")?;
    }
    Ok(())
}

#[test]
fn when_a_server_is_killed_its_clients_go_to_the_next_one() -> Outcome {
    let broker = broker!();
    let ((one, at_one), (_two, two)) = (broker.server()?, broker.server()?);
    let (first, also) = (at_one.to_string(), two.to_string());
    let words = ["client", "--addr", &first, "--also", &also];
    drop(Guest::enters(at_one)?); // it is ready
    let mut bob = Guest::named(two, "bob")?;
    let mut client = Program::example("22_many_machines", &words)?;
    client.type_line("Hello")?;
    bob.hears(": Hello")?;
    drop(one); // killed
    let end = Instant::now() + DEADLINE;
    while client.line(end)?.ok_or("the client has ended")? != format!("-- now at {two}")
    {
    }
    client.type_line("Hello again")?;
    bob.hears(": Hello again")?;
    client.type_line("/quit")?;
    assert!(client.status(end)?.success());
    Ok(())
}

#[test]
fn sigterm_sends_one_server_s_clients_away_and_the_others_do_not_notice() -> Outcome {
    let broker = broker!();
    let ((mut one, at_one), (_two, two)) = (broker.server()?, broker.server()?);
    let (mut ada, mut bob) = (Guest::named(at_one, "ada")?, Guest::named(two, "bob")?);
    signal(&one, "-TERM")?;
    ada.hears("-- the server stops: goodbye")?;
    bob.hears("-- ada left")?;
    assert!(one.status(Instant::now() + DEADLINE)?.success());
    let mut ada = Guest::named(two, "ada")?; // her name is free at once
    ada.says("here I am again")?;
    bob.hears("ada: here I am again")?;
    Ok(())
}

#[test]
fn without_a_broker_nobody_enters_until_there_is_one() -> Outcome {
    let mut broker = broker!();
    broker.dies();
    let (_one, one) = broker.server()?;
    let mut stream = BufReader::new(TcpStream::connect(one)?);
    stream.get_mut().set_read_timeout(Some(DEADLINE))?;
    let mut line = String::new();
    stream.read_line(&mut line)?;
    assert_eq!(line, "-- the broker does not answer: come back later\n");
    broker.begin()?;
    Guest::named(one, "ada")?;
    Ok(())
}

#[test]
fn a_python_server_and_a_rust_server_share_the_room() -> Outcome {
    let mut broker = broker!();
    let Some((_python, python)) = python_server(&broker)? else { return Ok(()) };
    let (_rust, rust) = broker.server()?;
    let (mut ada, mut bob) = (Guest::named(rust, "ada")?, Guest::named(python, "bob")?);
    bob.says("/nick Ada")?;
    bob.hears("-- Ada is taken")?;
    for (number, round) in ["before", "after"].into_iter().enumerate() {
        ada.says(&format!("h\u{e9}, bob, {round}"))?;
        bob.hears(&format!("ada: h\u{e9}, bob, {round}"))?;
        bob.says(&format!("h\u{e9}, ada, {round}"))?;
        ada.hears(&format!("bob: h\u{e9}, ada, {round}"))?;
        if number == 0 {
            broker.dies();
            bob.hears("-- cut off from the other servers")?;
            ada.hears("-- cut off from the other servers")?;
            bob.says("Hello?")?;
            bob.hears("-- not said: Hello?")?;
            broker.begin()?;
            bob.hears("-- together with the other servers again")?;
            ada.hears("-- together with the other servers again")?;
        }
    }
    Ok(())
}

/// The demonstration starts its broker through a program of this name that the test has put
/// in front of the real one. So the test knows the broker's process.
#[test]
fn however_the_demonstration_ends_its_broker_ends_with_it() -> Outcome {
    let _broker = broker!();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("own-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = std::env::var("PATH")?;
    let own = folder.join("redis-server");
    let script = format!(
        "#!/bin/sh\nPATH='{path}'; cd '{}'\n\
         [ \"$1\" = --help ] || echo $$ >>brokers\nexec redis-server \"$@\"\n",
        folder.display()
    );
    std::fs::write(&own, script)?;
    assert!(Command::new("chmod").arg("+x").arg(&own).status()?.success());
    let demonstration = || {
        let mut command = Command::new(example("22_many_machines"));
        command.env("PATH", format!("{}:{path}", folder.display()));
        command
    };
    for name in ["INT", "TERM", "HUP", "QUIT", "KILL"] {
        let mut program = Program::start(&mut demonstration())?;
        let end = Instant::now() + DEADLINE;
        let line = program.line(end)?.unwrap_or_default();
        assert_eq!(line, "story  | ada is at the first server, bob is at the second");
        signal(&program, &format!("-{name}"))?;
        program.status(end)?;
    }
    // And `| head`: it prints on, and nobody reads.
    let mut program = demonstration().stdout(Stdio::piped()).spawn()?;
    let mut printed = BufReader::new(program.stdout.take().ok_or("no output")?);
    printed.read_line(&mut String::new())?;
    drop(printed);
    program.wait()?;

    let brokers = std::fs::read_to_string(folder.join("brokers"))?;
    assert!(brokers.lines().count() >= 6, "{brokers:?}");
    let end = Instant::now() + DEADLINE;
    for broker in brokers.lines() {
        let is_there = || {
            let mut command = Command::new("kill");
            command.args(["-0", broker]).stderr(Stdio::null()).status()
        };
        while is_there()?.success() {
            assert!(Instant::now() < end, "the broker {broker} still runs");
            thread::sleep(Duration::from_millis(20));
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

#[test]
fn pubsub_loses_lines_and_tells_nobody_and_the_stream_tells() -> Outcome {
    let _broker = broker!();
    let silent = |words: &[&str]| -> Result<usize, Box<dyn std::error::Error>> {
        let mut command = Command::new(example("22_many_machines"));
        let (output, _) = programs::run(command.args(words), Instant::now() + DEADLINE)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, rest) = text.split_once("nobody was told: ").ok_or(text.clone())?;
        Ok(rest.lines().next().unwrap_or_default().parse()?)
    };
    assert_eq!(silent(&[])?, 0);
    // It's a matter of chance how many are on their way when the broker dies.
    for _ in 0..10 {
        if silent(&["--pubsub"])? > 0 {
            return Ok(());
        }
    }
    Err("no line was lost silently in ten runs".into())
}

/// Three brokers that share the work: each has a third of all keys, and perhaps a copy.
struct Cluster {
    nodes: Vec<Broker>,
    folders: Vec<std::path::PathBuf>,
}

impl Cluster {
    fn start(copies: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let mut cluster = Self { nodes: Vec::new(), folders: Vec::new() };
        for _ in 0..3 + 3 * copies {
            let port = port();
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let folder = folder.join(format!("cluster-{}-{port}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            cluster.folders.push(folder);
            cluster.nodes.push(Broker { program: None, port });
            cluster.begin(cluster.nodes.len() - 1)?;
        }
        let addresses =
            cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(addresses).arg("--cluster-yes");
        create.args(["--cluster-replicas", &copies.to_string()]);
        let created = create.output()?;
        assert!(created.status.success(), "{created:?}");
        cluster.has_copied(copies)?;
        Ok(cluster)
    }

    /// Starts a node. It remembers the cluster, and nothing else.
    fn begin(&mut self, node: usize) -> Outcome {
        let port = self.nodes[node].port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"]);
        command.args(["--repl-diskless-sync-delay", "0"]);
        command.args(["--cluster-require-full-coverage", "no", "--port", &port]);
        let program = Program::start(command.current_dir(&self.folders[node]))?;
        self.nodes[node].program = Some(program);
        let end = Instant::now() + DEADLINE;
        while self.nodes[node].cli(&["PING"])?.trim() != "PONG" {
            assert!(Instant::now() < end, "the node does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until each copy has all that its node has.
    fn has_copied(&self, copies: usize) -> Outcome {
        let end = Instant::now() + 3 * DEADLINE;
        for node in &self.nodes[3..3 + 3 * copies] {
            while !node.cli(&["INFO", "replication"])?.contains("master_link_status:up")
            {
                assert!(Instant::now() < end, "a copy is not made");
                thread::sleep(Duration::from_millis(50));
            }
        }
        Ok(())
    }

    /// The node that has the room.
    fn owner(&self) -> Result<usize, Box<dyn std::error::Error>> {
        for (number, node) in self.nodes.iter().enumerate() {
            if node.cli(&["EXISTS", "{chat}"])?.trim() == "1" {
                return Ok(number);
            }
        }
        Err("no node has the room".into())
    }

    fn server(&self) -> Result<(Program, SocketAddr), String> {
        let urls: Vec<String> = self.nodes.iter().map(Broker::url).collect();
        let mut command = Command::new(example("22_many_machines"));
        command.args(["serve", "--addr", "127.0.0.1:0", "--broker", &urls.join(",")]);
        Program::server(&mut command)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.clear();
        for folder in &self.folders {
            let _ = std::fs::remove_dir_all(folder); // no test depends on it
        }
    }
}

/// Without copies, a cluster shares the work, and each key is as safe as its one node.
#[test]
fn a_cluster_goes_on_without_a_node_unless_that_one_has_the_room() -> Outcome {
    let _broker = broker!();
    let mut cluster = Cluster::start(0)?;
    let ((_one, one), (_two, two)) = (cluster.server()?, cluster.server()?);
    let (mut ada, mut bob) = (Guest::named(one, "ada")?, Guest::named(two, "bob")?);
    ada.says("all three")?;
    bob.hears("ada: all three")?;

    let owner = cluster.owner()?;
    let other = (owner + 1) % 3;
    cluster.nodes[other].dies();
    for number in 0..50 {
        ada.says(&format!("two of three {number}"))?;
        bob.hears(&format!("ada: two of three {number}"))?;
    }
    ada.hears("ada: two of three 49")?;

    cluster.nodes[owner].dies();
    ada.hears("-- cut off from the other servers")?;
    bob.hears("-- cut off from the other servers")?;
    ada.says("one of three")?;
    ada.hears("said: one of three")?; // that it wasn't, or that it isn't known yet

    cluster.begin(owner)?;
    bob.hears("-- together with the other servers again")?;
    // The node came back empty, so the verdict can be a careful one.
    if !ada.heard.iter().any(|line| line.contains("not said")) {
        ada.hears("not said")?;
    }
    ada.says("again")?;
    bob.hears("ada: again")?;
    assert_eq!(bob.count("ada: one of three"), 0);
    assert_eq!(bob.count("ada: again"), 1);
    Ok(())
}

/// What the old node confirmed in its last moment can be missing, so the test says nothing
/// then. What is said later is heard, and the dead node never comes back.
#[test]
fn a_cluster_with_copies_goes_on_without_the_node_that_had_the_room() -> Outcome {
    let _broker = broker!();
    let mut cluster = Cluster::start(1)?;
    let ((_one, one), (_two, two)) = (cluster.server()?, cluster.server()?);
    let (mut ada, mut bob) = (Guest::named(one, "ada")?, Guest::named(two, "bob")?);
    ada.says("all six")?;
    bob.hears("ada: all six")?;

    let owner = cluster.owner()?;
    cluster.nodes[owner].dies();
    for guest in [&mut ada, &mut bob] {
        guest.hears("-- cut off from the other servers")?;
        guest.hears("-- together with the other servers again")?;
    }
    for number in 0..20 {
        ada.says(&format!("five of six {number}"))?;
        bob.hears(&format!("ada: five of six {number}"))?;
    }
    assert_eq!(bob.talk().len(), 21, "{:#?}", bob.heard);
    Ok(())
}
