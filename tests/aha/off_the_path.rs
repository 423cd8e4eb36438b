//! What you don't plan for: signals, no file descriptors left, full disks, text that
//! isn't valid UTF-8. Each of these tests covers all lessons.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use super::course::files::root;
use super::course::programs::{listening, python, run};
use super::*;

/// What a terminal obeys, and what reverses the direction of writing.
const BAD: &str = "\x1b[2Jbad\u{202e}\r\u{9b}1m";

// ---- Clients --------------------------------------------------------------------------

/// A client of a lesson: its words, what it sends first, and a reply that it accepts.
struct Client {
    lesson: &'static str,
    words: &'static [&'static str],
    sends: &'static [u8],
    answer: &'static [u8],
}

const CLIENTS: [Client; 11] = [
    client("01_greeting", &[], b"", b"Thank you"),
    client("02_echo", &["Hello"], b"Hello", b"Hello"),
    client("05_closing", &["Hello"], b"Hello", b"5 bytes"),
    client("06_one_at_a_time", &["Hello"], b"Hello", b"Hello"),
    client("09_reverse", &["Hello"], b"Hello", b"olleH"),
    client("10_print_lock", &["Hello"], b"Hello", b"olleH"),
    client("11_threaded_server", &["Hello"], b"Hello\n", b"HELLO\n"),
    client("13_graceful_shutdown", &["one"], b"one\n", b"one\n"),
    client("14_chat", &[], b"", b"-- you are guest-1\n"),
    client("15_support_bot", &["yes"], b"", b"Goodbye.\n"),
    client("18_select", &["Hello"], b"Hello", b"Hello"),
];

const UDP_CLIENTS: [Client; 3] = [
    client("03_udp", &["Hello"], b"Hello", b"OK...Hello"),
    client("12_threaded_udp", &["Hello"], b"Hello", b"HELLO"),
    client("15_support_bot", &["--udp", "yes"], b"hello", b"Goodbye.\n"),
];

const fn client(
    lesson: &'static str,
    words: &'static [&'static str],
    sends: &'static [u8],
    answer: &'static [u8],
) -> Client {
    Client { lesson, words, sends, answer }
}

impl Client {
    fn starts(&self, addr: SocketAddr) -> Result<Program, String> {
        let addr = addr.to_string();
        let args = [&["client", "--addr", &addr], self.words].concat();
        let mut client = Program::example(self.lesson, &args)?;
        client.close_input();
        Ok(client)
    }

    /// Starts it, and receives what it sends on a stream.
    fn asks(&self, listener: &TcpListener) -> Result<(Program, TcpStream), String> {
        let words = |error: io::Error| format!("{}: {error}", self.lesson);
        let client = self.starts(listener.local_addr().map_err(words)?)?;
        let mut stream = bounded(listener.accept().map_err(words)?.0).map_err(words)?;
        stream.read_exact(&mut vec![0; self.sends.len()]).map_err(words)?;
        Ok((client, stream))
    }

    /// Starts it, and receives the datagram that it sends.
    fn asks_udp(&self, socket: &UdpSocket) -> Result<(Program, SocketAddr), String> {
        let words = |error: io::Error| format!("{}: {error}", self.lesson);
        let client = self.starts(socket.local_addr().map_err(words)?)?;
        let mut data = [0; 100];
        let (count, from) = socket.recv_from(&mut data).map_err(words)?;
        assert_eq!(&data[..count], self.sends, "{}", self.lesson);
        Ok((client, from))
    }
}

/// Checks that a client ends well.
fn ends_well(lesson: &str, client: &mut Program) -> Result<Vec<String>, String> {
    let end = Instant::now() + DEADLINE;
    let status = client.status(end)?;
    let printed = client.rest(end)?;
    if !status.success() {
        return Err(format!("{lesson} ended with {status}: {printed:#?}"));
    }
    Ok(printed)
}

// ---- Signals --------------------------------------------------------------------------

/// A process's state, one letter, and its CPU time in ticks of the clock.
fn state(program: &Program) -> Result<(char, u64), String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", program.id()));
    let stat = stat.map_err(|error| error.to_string())?;
    let (_, after_name) = stat.rsplit_once(") ").ok_or("no name")?;
    let fields: Vec<&str> = after_name.split(' ').collect();
    let number = |at: usize| fields[at].parse::<u64>().unwrap_or_default();
    Ok((fields[0].chars().next().unwrap_or('?'), number(11) + number(12)))
}

/// Waits until a process is in one of these states. Returns whether it's alive.
fn reaches(program: &mut Program, states: &str) -> Result<bool, String> {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if program.has_ended() {
            return Ok(false);
        }
        if states.contains(state(program)?.0) {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(format!("it does not reach {states}: {:?}", state(program)?))
}

/// Ctrl-Z, and `fg`, while it waits. Returns whether it's alive.
fn stopped_and_continued(program: &mut Program) -> Result<bool, String> {
    let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw).ok_or("no id")?;
    if !reaches(program, "S")? {
        return Ok(false);
    }
    let signal = |signal| kill_process(id, signal).map_err(|error| error.to_string());
    signal(Signal::STOP)?;
    let lives = reaches(program, "T")?;
    signal(Signal::CONT)?;
    Ok(lives)
}

/// The same, whatever it's doing at the moment.
pub(super) fn stop_and_continue(program: &Program) -> Outcome {
    let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw).ok_or("no id")?;
    kill_process(id, Signal::STOP)?;
    thread::sleep(Duration::from_millis(5)); // a moment in which it's stopped
    kill_process(id, Signal::CONT)?;
    thread::sleep(Duration::from_millis(20)); // and one in which it begins to wait
    Ok(())
}

#[test]
fn a_client_that_was_stopped_goes_on() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    for it in &CLIENTS {
        let (mut client, mut stream) = it.asks(&listener)?;
        for _ in 0..3 {
            assert!(stopped_and_continued(&mut client)?, "{} has ended", it.lesson);
        }
        stream.write_all(it.answer)?;
        drop(stream);
        ends_well(it.lesson, &mut client)?;
    }
    let socket = datagrams()?;
    for it in &UDP_CLIENTS {
        let (mut client, from) = it.asks_udp(&socket)?;
        for _ in 0..3 {
            assert!(stopped_and_continued(&mut client)?, "{} has ended", it.lesson);
        }
        socket.send_to(it.answer, from)?;
        ends_well(it.lesson, &mut client)?;
    }
    Ok(())
}

#[test]
fn a_server_that_was_stopped_goes_on() -> Outcome {
    for (lesson, args) in [
        ("02_echo", &[][..]),
        ("05_closing", &[]),
        ("06_one_at_a_time", &["--timeout", "5000"]),
        ("09_reverse", &[]),
        ("10_print_lock", &["--original"]),
        ("17_nonblocking", &["--blocking"]),
        ("18_select", &[]),
    ] {
        let mut command = Command::new(example(lesson));
        let command = command.args(["serve", "--addr", "127.0.0.1:0"]).args(args);
        let (mut server, addr) = Program::server(command)?;
        let mut client = connect(addr)?;
        for part in [b"Hel", b"lo!"] {
            client.write_all(part)?;
            assert!(stopped_and_continued(&mut server)?, "{lesson} has ended");
        }
        client.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        let expected = if lesson == "17_nonblocking" { 0 } else { 6 };
        assert!(answer.len() >= expected, "{lesson}: {answer:?}");
        assert!(!server.has_ended(), "{lesson}");
        let printed = server.lines_now().join("\n");
        assert!(!printed.contains("nterrupted"), "{lesson}: {printed}");
    }
    Ok(())
}

/// It has five seconds. If they began again after each stop, it would get more.
#[test]
fn after_a_signal_the_rest_of_the_time_is_left() -> Outcome {
    let begin = Instant::now();
    let waiting = UDP_CLIENTS.iter().map(|it| {
        let socket = datagrams().map_err(|error| error.to_string())?;
        Ok((it.lesson, it.asks_udp(&socket)?.0, socket))
    });
    let mut waiting = waiting.collect::<Result<Vec<_>, String>>()?;
    while !waiting.is_empty() {
        assert!(begin.elapsed() < 2 * DEADLINE, "{} is still waiting", waiting[0].0);
        let mut left = Vec::new();
        for (lesson, mut client, socket) in waiting {
            if stopped_and_continued(&mut client)? {
                left.push((lesson, client, socket));
            } else {
                let printed = client.rest(Instant::now() + DEADLINE)?.join("\n");
                assert!(printed.contains("in time"), "{lesson}: {printed}");
                assert!(begin.elapsed() >= Duration::from_secs(5), "{lesson}: too soon");
            }
        }
        waiting = left;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

// ---- Nothing left to open -------------------------------------------------------------

/// The lessons whose servers call `accept` themselves.
const BY_HAND: [&str; 8] = [
    "01_greeting",
    "02_echo",
    "05_closing",
    "06_one_at_a_time",
    "09_reverse",
    "10_print_lock",
    "17_nonblocking",
    "18_select",
];

/// Sets how many of something a process can have.
fn limit(program: &Program, what: Resource, most: Option<u64>) -> Result<(), String> {
    let id = i32::try_from(program.id()).ok().and_then(Pid::from_raw);
    let limit = Rlimit { current: most, maximum: getrlimit(what).maximum };
    prlimit(id, what, limit).map(drop).map_err(|error| error.to_string())
}

/// Lets a server run out of file descriptors while three clients connect, and then gives
/// it more.
fn runs_out_of_descriptors(mut server: Program, addr: SocketAddr) -> Outcome {
    let fds = fs::read_dir(format!("/proc/{}/fd", server.id()))?;
    let open = fds.flatten().filter_map(|fd| fd.file_name().to_str()?.parse().ok());
    let open: Vec<u64> = open.collect();
    let first_free = (0..).find(|number| !open.contains(number)).unwrap_or_default();
    let end = Instant::now() + DEADLINE;
    limit(&server, Resource::Nofile, Some(first_free))?;
    let [first, _second, _third] = [connect(addr)?, connect(addr)?, connect(addr)?];
    drop(first); // for this client, `accept` had a file descriptor when it began to wait
    loop {
        let line = server.line(end)?.ok_or("the server has ended")?;
        if line.contains("I keep trying") {
            break;
        }
    }
    let before = state(&server)?.1;
    thread::sleep(Duration::from_millis(400)); // enough time to print a lot
    let mut said = server.lines_now();
    said.retain(|line| line.contains("error"));
    assert_eq!(said, [""; 0], "once is enough");
    assert!(state(&server)?.1 - before <= 8, "it spins");
    limit(&server, Resource::Nofile, Some(100))?;
    let mut said = server.line(end)?.ok_or("the server has ended")?;
    while !said.contains("works again") {
        said = server.line(end)?.ok_or("the server has ended")?;
    }
    assert!(!server.has_ended());
    Ok(())
}

#[test]
fn a_server_without_descriptors_says_so_once_and_goes_on() -> Outcome {
    for lesson in BY_HAND {
        let (server, addr) = server(lesson)?;
        runs_out_of_descriptors(server, addr)
            .map_err(|why| format!("{lesson}: {why}"))?;
    }
    Ok(())
}

#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn a_python_server_without_descriptors_says_so_once_and_goes_on() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let with_a_module = [
        "11_threaded_server",
        "13_graceful_shutdown",
        "14_chat",
        "15_support_bot",
        "23_your_own",
    ];
    for lesson in BY_HAND.into_iter().chain(with_a_module) {
        let mut command = Command::new(python);
        command.arg(format!("lessons/python/{lesson}.py"));
        let (server, addr) =
            Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
        runs_out_of_descriptors(server, addr)
            .map_err(|why| format!("{lesson}.py: {why}"))?;
    }
    Ok(())
}

/// A thread needs memory. Without it, one client is lost, but the server goes on.
#[test]
fn a_server_without_threads_says_so_once_and_goes_on() -> Outcome {
    for lesson in ["09_reverse", "10_print_lock"] {
        let (mut server, addr) = server(lesson)?;
        let end = Instant::now() + DEADLINE;
        let status = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
        let size =
            size.and_then(|size| size.trim().strip_suffix(" kB")).ok_or("size?")?;
        limit(&server, Resource::As, Some((size.parse::<u64>()? + 1000) * 1024))?;
        let mut lost = [connect(addr)?, connect(addr)?];
        assert_eq!(lost[0].read(&mut [0])?, 0, "{lesson}");
        let mut said = server.line(end)?.ok_or("the server has ended")?;
        while !said.contains("I keep trying") {
            said = server.line(end)?.ok_or("the server has ended")?;
        }
        limit(&server, Resource::As, None)?;
        // It might get a thread by now, and would wait for us; or it has been closed.
        let _ = lost[1].shutdown(Shutdown::Write);
        assert_eq!(lost[1].read(&mut [0]).unwrap_or(0), 0, "{lesson}");
        let mut next = connect(addr)?;
        assert_eq!(echoed(&mut next, b"next")?, b"txen", "{lesson}");
        while !said.contains("works again") {
            said = server.line(end)?.ok_or("the server has ended")?;
            assert!(!said.contains("I keep trying"), "{lesson}: once is enough");
        }
    }
    Ok(())
}

// ---- Addresses ------------------------------------------------------------------------

/// A command that starts a program for which `localhost` is first `::1`, if this system
/// lets us give it its own file of names.
fn with_two_addresses() -> io::Result<Command> {
    let names = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hosts");
    fs::write(&names, "::1 localhost\n127.0.0.1 localhost\n")?;
    let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
    let own = |command: &mut Command| {
        command.args(["-rm", "sh", "-c", script]).arg(&names);
    };
    let mut test = Command::new("unshare");
    own(&mut test);
    let works = test.arg("true").stderr(Stdio::null()).status();
    if !works.is_ok_and(|status| status.success()) {
        return Ok(Command::new("env")); // without any change
    }
    let mut command = Command::new("unshare");
    own(&mut command);
    Ok(command)
}

/// `localhost` might be first `::1`, but here the server listens only on 127.0.0.1.
#[test]
fn a_client_asks_at_every_address_of_a_name() -> Outcome {
    let mut programs: Vec<(String, Command)> = Vec::new();
    for it in &UDP_CLIENTS {
        let mut command = with_two_addresses()?;
        command.arg(example(it.lesson));
        programs.push((it.lesson.to_owned(), command));
        if let Some(python) = python() {
            let mut command = with_two_addresses()?;
            command.arg(python).arg(format!("lessons/python/{}.py", it.lesson));
            programs.push((format!("{}.py", it.lesson), command));
        }
    }
    for (name, mut command) in programs {
        let it = UDP_CLIENTS.iter().find(|it| name.starts_with(it.lesson));
        let it = it.ok_or("no such client")?;
        let socket = datagrams()?;
        let addr = format!("localhost:{}", socket.local_addr()?.port());
        command.args(["client", "--addr", &addr]).args(it.words);
        let mut client = Program::start(&mut command)?;
        let mut data = [0; 100];
        let (count, from) =
            socket.recv_from(&mut data).map_err(|error| format!("{name}: {error}"))?;
        assert_eq!(&data[..count], it.sends, "{name}");
        socket.send_to(it.answer, from)?;
        ends_well(&name, &mut client)?;
    }
    Ok(())
}

// ---- Text -----------------------------------------------------------------------------

/// Checks that nothing in these lines could affect a terminal.
fn harmless(name: &str, lines: &[String]) -> Result<(), String> {
    let text = lines.join("\n");
    let bad = |letter: char| {
        (letter.is_control() && letter != '\n') || "\u{202e}\u{2028}".contains(letter)
    };
    match text.chars().find(|letter| bad(*letter)) {
        None => Ok(()),
        Some(letter) => Err(format!("{name} prints {letter:?}: {text:?}")),
    }
}

#[test]
fn what_a_server_sends_does_nothing_to_the_terminal() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    for it in &CLIENTS {
        let (mut client, mut stream) = it.asks(&listener)?;
        stream.write_all(format!("{BAD}\n{BAD}\n{BAD}").as_bytes())?;
        drop(stream);
        let end = Instant::now() + DEADLINE;
        client.status(end)?;
        let printed = client.rest(end)?;
        assert!(printed.concat().contains("bad") || it.sends.len() < 8, "{}", it.lesson);
        harmless(it.lesson, &printed)?;
    }
    let socket = datagrams()?;
    for it in &UDP_CLIENTS {
        let (mut client, from) = it.asks_udp(&socket)?;
        socket.send_to(BAD.as_bytes(), from)?;
        let printed = ends_well(it.lesson, &mut client)?;
        assert!(printed.concat().contains("bad"), "{}: {printed:?}", it.lesson);
        harmless(it.lesson, &printed)?;
    }
    Ok(())
}

#[test]
fn what_is_typed_does_nothing_to_the_terminal() -> Outcome {
    for args in [
        &["04_addresses", BAD][..],
        &["02_echo", BAD],
        &["02_echo", "serve", BAD],
        &["02_echo", "serve", "--addr", BAD],
        &["02_echo", "client", "--addr", "\x1b[2J:80"],
        &["08_named_threads", "--fail", BAD],
        &["15_support_bot", "--dialogue", BAD],
        &["07_lift_off", "--timeline=/no\x1b/such.svg"],
        &["07_lift_off", "--tick", BAD],
    ] {
        let mut command = Command::new(example(args[0]));
        let (output, _) = run(command.args(&args[1..]), Instant::now() + DEADLINE)?;
        let printed = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(2), "{args:?}: {printed}");
        harmless(args[0], &printed.lines().map(str::to_owned).collect::<Vec<_>>())?;
    }
    Ok(())
}

#[test]
fn what_a_customer_answers_does_nothing_to_the_server_s_terminal() -> Outcome {
    let (mut server, addr) = server("15_support_bot")?;
    let mut bot = connect(addr)?;
    for answer in ["yes".to_owned(), format!("off {BAD}"), format!("no {BAD}")] {
        bot.write_all(format!("{answer}\n").as_bytes())?;
    }
    let mut answers = Vec::new();
    bot.read_to_end(&mut answers)?;
    let end = Instant::now() + DEADLINE;
    let mut printed = vec![server.line(end)?.unwrap_or_default()];
    while !printed.concat().contains("ticket 1001") {
        printed.push(server.line(end)?.ok_or("the server has ended")?);
    }
    assert!(printed.concat().contains("bad"), "{printed:?}");
    harmless("15_support_bot", &printed)?;
    let answers: Vec<String> =
        String::from_utf8(answers)?.lines().map(str::to_owned).collect();
    harmless("the bot", &answers)?;
    Ok(())
}

#[test]
fn an_argument_that_is_not_utf_8_is_rejected() -> Outcome {
    use std::os::unix::ffi::OsStrExt;
    let bad = std::ffi::OsStr::from_bytes(b"caf\xe9");
    for (lesson, role) in
        [("02_echo", "client"), ("03_udp", "client"), ("04_addresses", "--")]
    {
        let mut command = Command::new(example(lesson));
        let (output, _) = run(command.arg(role).arg(bad), Instant::now() + DEADLINE)?;
        let printed = String::from_utf8(output.stdout)?;
        assert_eq!(output.status.code(), Some(2), "{lesson}: {printed}");
        assert!(printed.contains("is not UTF-8"), "{lesson}: {printed}");
    }
    Ok(())
}

// ---- Output ---------------------------------------------------------------------------

/// Runs all lessons' demonstrations at the same time, with this output.
fn demonstrations(
    output: impl Fn() -> io::Result<Stdio> + Sync,
) -> Result<Vec<(String, Option<i32>, String)>, String> {
    let lessons = course::files::with_support(&root());
    lessons
        .chunks(6)
        .flat_map(|some| {
            let started = some.iter().map(|lesson| {
                let mut command = Command::new(example(lesson));
                command.stdin(Stdio::null()).stderr(Stdio::piped());
                let words = |error: io::Error| format!("{lesson}: {error}");
                let child = command.stdout(output().map_err(words)?).spawn();
                Ok((lesson.clone(), child.map_err(words)?))
            });
            let started: Vec<Result<_, String>> = started.collect();
            started.into_iter().map(|started| {
                let (lesson, child) = started?;
                let ended = child.wait_with_output().map_err(|e| e.to_string())?;
                let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
                Ok((lesson, ended.status.code(), errors))
            })
        })
        .collect()
}

#[test]
fn output_that_cannot_be_written_is_an_error() -> Outcome {
    let full = || Ok(OpenOptions::new().write(true).open("/dev/full")?.into());
    for (lesson, status, errors) in demonstrations(full)? {
        assert_eq!(status, Some(1), "{lesson}: {errors}");
        assert_eq!(errors.matches("cannot be written").count(), 1, "{lesson}: {errors}");
        assert!(errors.contains("No space left on device"), "{lesson}: {errors}");
    }
    let mut help = Command::new(example("02_echo"));
    let help = help.arg("--help").stdout(full()?).stderr(Stdio::null()).status()?;
    assert_eq!(help.code(), Some(1));
    Ok(())
}

#[test]
fn a_reader_that_has_left_is_not_an_error() -> Outcome {
    let gone = || Ok(OwnedFd::from(UnixStream::pair()?.0).into()); // the other end is closed
    for (lesson, status, errors) in demonstrations(gone)? {
        assert_eq!((status, errors.as_str()), (Some(0), ""), "{lesson}");
    }
    Ok(())
}

/// The soak goes on, and its exit status still says how it went.
#[test]
fn nobody_needs_to_read_what_the_soak_prints() -> Outcome {
    let gone = OwnedFd::from(UnixStream::pair()?.0);
    let mut soak = Command::new(example("soak"));
    let output = soak.args(["--seconds", "0"]).stdout(gone).output()?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    for (words, said) in [
        (&["--seconds"][..], "--seconds needs a number after it."),
        (&["--seconds", "1.5"], "--seconds takes a whole number, not `1.5`."),
        (&["5"], "There is no `5`."),
    ] {
        let output = Command::new(example("soak")).args(words).output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.starts_with(said), "{words:?}: {errors}");
        assert_eq!(output.status.code(), Some(2), "{words:?}: {errors}");
    }
    Ok(())
}

// ---- Waits ----------------------------------------------------------------------------

/// Each of the two writes and waits for the other to read.
#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn a_line_of_64_megabytes_does_not_wait_forever() -> Outcome {
    let (mut server, addr) = server("06_one_at_a_time")?;
    let mut command = Command::new(example("06_one_at_a_time"));
    command.args(["client", "--addr", &addr.to_string()]).stdin(Stdio::piped());
    let mut client = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut input = client.stdin.take().ok_or("no input")?;
    let mut errors = BufReader::new(client.stderr.take().ok_or("no errors")?);
    input.write_all(&vec![b'x'; 64 * 1024 * 1024])?;
    drop(input);
    let end = Instant::now() + 4 * DEADLINE; // a busy machine needs a while for this much
    let status = loop {
        match client.try_wait()? {
            Some(status) => break status,
            None if Instant::now() > end => {
                client.kill()?;
                return Err("both wait forever".into());
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let mut said = String::new();
    errors.read_line(&mut said)?;
    assert_eq!(status.code(), Some(2), "{said}");
    while !server.line(end)?.ok_or("it has ended")?.contains("is cut off: ") {}
    assert_eq!(echoed(&mut connect(addr)?, b"next")?, b"next");
    Ok(())
}

// ---- Memory ---------------------------------------------------------------------------

/// A chat doesn't keep its lines in memory.
#[test]
fn a_long_chat_keeps_its_memory() -> Outcome {
    const LINES: usize = 100_000;
    let (server, addr) = server("14_chat")?;
    let mut talker = connect(addr)?;
    let mut heard = BufReader::new(talker.try_clone()?);
    heard.read_line(&mut String::new())?;
    let mut say = |count: usize| -> Outcome {
        let line = "a line that nobody else is here to read\n";
        talker.write_all(line.repeat(count).as_bytes())?;
        talker.write_all(b"/who\n")?; // and wait until the server has read all of it
        heard.read_line(&mut String::new())?;
        Ok(())
    };
    let memory = || -> Result<u64, Box<dyn std::error::Error>> {
        let status = fs::read_to_string(format!("/proc/{}/status", server.id()))?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size =
            size.and_then(|size| size.trim().strip_suffix(" kB")).ok_or("size?")?;
        Ok(size.parse()?)
    };
    say(1000)?; // let it allocate what it always needs
    let before = memory()?;
    say(LINES)?;
    let grown = memory()?.saturating_sub(before);
    assert!(grown < 2000, "{grown} kB more after {LINES} lines");
    Ok(())
}

// ---- Options --------------------------------------------------------------------------

#[test]
fn an_option_that_is_not_used_is_rejected() -> Outcome {
    for (line, words) in [
        ("05_closing --keep-open", "the demonstration doesn't use it"),
        ("05_closing serve --keep-open", "`serve` doesn't use it"),
        ("06_one_at_a_time client --timeout 9", "`client` doesn't use it"),
        ("09_reverse serve --timeline=x.svg", "is only for the demonstration"),
        ("09_reverse client --timeline", "is only for the demonstration"),
        ("10_print_lock --original", "is only for `serve`"),
        ("10_print_lock serve --timeline", "is only for the demonstration"),
        ("11_threaded_server --fragile", "is only for `serve`"),
        ("11_threaded_server client --fragile", "is only for `serve`"),
        ("12_threaded_udp --nap 1000", "is only for `serve`"),
        ("12_threaded_udp serve --nap 60001", "60000 at most"),
        ("13_graceful_shutdown --careless", "is only for `serve`"),
        ("13_graceful_shutdown client --deadline 9", "`client` doesn't use it"),
        ("13_graceful_shutdown client --timeline", "`client` doesn't use it"),
        ("14_chat client --naive", "`client` doesn't use it"),
        ("15_support_bot --udp", "is only for `client`"),
        ("15_support_bot serve --udp", "is only for `client`"),
        ("15_support_bot client --dialogue x", "`client` doesn't use it"),
        ("17_nonblocking --blocking", "the demonstration doesn't use it"),
        ("07_lift_off --count 4", "--count can be 3 at most, and 4 is more"),
        ("07_lift_off --tick 99999", "2000 at most"),
        ("08_named_threads --work 2001", "2000 at most"),
        ("08_named_threads --work 99999999999999999999999", "2000 at most"),
        ("08_named_threads --timeline a.svg", "write --timeline=a.svg"),
        ("14_chat --timeline a.svg", "write --timeline=a.svg"),
        ("07_lift_off --timeline=a.png", "an SVG file"),
        ("07_lift_off --timeline=/no/such/dir/a.svg", "cannot be written"),
        ("02_echo client --addr 127.0.0.1:0", "the port that the server printed"),
        ("02_echo client --addr [::1]", "the port is missing"),
        ("02_echo client -x", "Put one more `--` before"),
        ("02_echo serve --addr [::1]:1 --addr [::1]:1", "--addr is there twice"),
        ("07_lift_off --count 3 --count=2", "--count is there twice"),
        ("16_http_get client --parallel 1001", "1000 at most"),
        ("16_http_get client http://[::1]:0/", "port 0 means any free port"),
        ("16_http_get client http://[::1]:1/ x", "`x` is one word too many"),
        ("16_http_get client --addr [::1]:1 http://[::1]:1/", "Leave out --addr"),
        ("19_websocket client --ping 9", "`client` doesn't use it"),
        ("19_websocket --ping 0", "--ping must be 1 at least"),
        ("19_websocket --lines [::1]:1", "is only for `serve`"),
        ("19_websocket serve --lines 80", "the port is missing"),
        ("21_limits --kind poll", "is only for `serve`"),
        ("21_limits serve --kind fork", "isn't a kind of server"),
        ("21_limits serve --work 60001", "60000 at most"),
        ("21_limits client --clients 0", "--clients must be 1 at least"),
        ("21_limits client --requests 0", "--requests must be 1 at least"),
        ("21_limits client --clients 2 hello", "Leave out `hello`"),
        ("21_limits --measure a.png", "Write --measure a.png.svg"),
        ("21_limits --measure=", "Write --measure limits.svg"),
        ("21_limits --measure /no/such/dir/a.svg", "can't be written"),
        ("22_many_machines --broker x", "is only for `serve`"),
        ("22_many_machines serve --broker x", "`x` is not a broker's address"),
        ("22_many_machines serve --broker=", "`` is not a broker's address"),
        ("22_many_machines client --also x", "`x` is not an address"),
        ("22_many_machines client --also [::1]:1,", "`` is not an address"),
        ("22_many_machines client --also [::1]:0", "the port that the server printed"),
    ] {
        let mut words_of_line = line.split(' ');
        let mut command =
            Command::new(example(words_of_line.next().unwrap_or_default()));
        let (output, _) = run(command.args(words_of_line), Instant::now() + DEADLINE)?;
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(printed.contains(words), "{line}: no `{words}` in: {printed}");
        assert_eq!(output.status.code(), Some(2), "{line}: {printed}");
        let said = printed.lines().filter(|line| !line.starts_with("See all ways"));
        assert!(said.count() <= 2, "{line}: before the run: {printed}");
    }
    Ok(())
}

#[test]
fn help_fits_into_80_columns_and_names_the_program() -> Outcome {
    for lesson in course::files::with_support(&root()) {
        let mut command = Command::new(example(&lesson));
        let (output, _) = run(command.arg("--help"), Instant::now() + DEADLINE)?;
        let help = String::from_utf8(output.stdout)?;
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{lesson}: {line}");
        }
        assert!(help.contains(&format!("--example {lesson}")), "{help}");
    }
    Ok(())
}

/// `localhost` in a server's first line wouldn't help.
#[test]
fn a_server_on_ipv6_prints_a_command_that_any_shell_takes() -> Outcome {
    let mut command = Command::new(example("02_echo"));
    let started = Program::start(command.args(["serve", "--addr", "[::1]:0"]));
    let mut server = started?;
    let end = Instant::now() + DEADLINE;
    let first = server.line(end)?.unwrap_or_default();
    let Some(addr) = listening(&first) else { return Ok(()) }; // no IPv6 here
    let second = server.line(end)?.unwrap_or_default();
    assert!(second.ends_with(&format!("client --addr \"{addr}\"")), "{second}");
    Ok(())
}
