//! The chat room: a client that does not read must not hold up the others.

use std::io::{BufRead, BufReader};

use socket2::{Domain, Socket, Type};

use super::*;

#[allow(dead_code, reason = "the example uses the rest")]
#[path = "../../examples/chat/command.rs"]
mod command;

use command::{Command as Said, NAME, checked_name};

/// A client in a room.
struct Guest {
    stream: BufReader<TcpStream>,
    /// What the room calls it.
    name: String,
}

impl Guest {
    /// Enters: when this returns, the room knows the guest.
    fn arrives(addr: SocketAddr) -> io::Result<Self> {
        Self::greeted(connect(addr)?)
    }

    /// Enters on a connection whose buffers are soon full if the guest doesn't read.
    fn arrives_stalled(addr: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        #[cfg(unix)]
        socket.set_tcp_mss(1000)?; // small packets, and so a small buffer at the other end
        socket.set_recv_buffer_size(4096)?;
        socket.connect(&addr.into())?;
        Self::greeted(bounded(socket.into())?)
    }

    /// Reads the room's greeting.
    fn greeted(stream: TcpStream) -> io::Result<Self> {
        let mut guest = Self { stream: BufReader::new(stream), name: String::new() };
        let greeting = guest.line()?;
        let name = greeting.strip_prefix("-- you are ").unwrap_or_default();
        guest.name = name.split(": ").next().unwrap_or_default().to_owned();
        Ok(guest)
    }

    /// Can read fast from now on.
    fn wakes_up(&self) -> io::Result<()> {
        socket2::SockRef::from(self.stream.get_ref()).set_recv_buffer_size(1024 * 1024)
    }

    /// Says a line.
    fn says(&mut self, line: &str) -> io::Result<()> {
        self.sends(format!("{line}\n").as_bytes())
    }

    /// Sends any bytes.
    fn sends(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next line.
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end_matches('\n').to_owned()),
        }
    }

    /// Reads until this line comes.
    fn hears(&mut self, wanted: &str) -> io::Result<()> {
        while self.line()? != wanted {}
        Ok(())
    }

    /// Reads to the end of file; returns the last line.
    fn hears_the_end(&mut self) -> io::Result<String> {
        let mut last = String::new();
        loop {
            match self.line() {
                Ok(line) => last = line,
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(last);
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// A line that's nearly as long as the room allows.
fn long_line() -> String {
    "bla ".repeat(900)
}

#[test]
fn writing_under_the_lock_freezes_the_room() -> Outcome {
    let mut command = Command::new(example("14_chat"));
    command.args(["serve", "--naive", "--addr", "127.0.0.1:0"]);
    let (_server, addr) = Program::server(&mut command)?;
    let mut stalled = Guest::arrives_stalled(addr)?;
    let mut ada = Guest::arrives(addr)?;
    // Ada talks until her handler waits for the stalled guest.
    ada.stream.get_ref().set_write_timeout(Some(Duration::from_millis(300)))?;
    while ada.says(&long_line()).is_ok() {}

    // So it holds the lock, and a newcomer doesn't even get a greeting.
    let bob = connect(addr)?;
    bob.set_read_timeout(Some(Duration::from_millis(300)))?;
    let error = (&bob).read(&mut [0; 100]).expect_err("a frozen room does not greet");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    // One client reads, and the room works again.
    bob.set_read_timeout(Some(DEADLINE))?;
    stalled.wakes_up()?;
    let reading = stalled.stream.get_ref().try_clone()?;
    let greeted = thread::scope(|scope| {
        scope.spawn(|| while stalled.line().is_ok() {});
        let greeting = Guest { stream: BufReader::new(bob), name: String::new() }.line();
        reading.shutdown(Shutdown::Both)?; // the end of the loop above
        greeting
    })?;
    assert!(greeted.starts_with("-- you are "), "{greeted}");
    Ok(())
}

#[test]
fn a_stalled_client_is_disconnected_and_fifty_others_hear_everything() -> Outcome {
    const LINES: usize = 300;
    let (_server, addr) = server("14_chat")?;
    let mut stalled = Guest::arrives_stalled(addr)?;
    let crowd = (0..48).map(|_| Guest::arrives(addr)).collect::<io::Result<Vec<_>>>()?;
    let mut ada = Guest::arrives(addr)?;
    let news = format!("-- {} was disconnected: does not read", stalled.name);
    let goodbye = format!("-- {} left", ada.name);
    let says = format!("{}: line ", ada.name);
    let last = format!("{says}{LINES}");

    thread::scope(|scope| {
        let listeners: Vec<_> = crowd
            .into_iter()
            .map(|mut guest| {
                scope.spawn({
                    let (news, goodbye, says) =
                        (news.clone(), goodbye.clone(), says.clone());
                    let mut it_left = false;
                    let mut lines = 0;
                    move || loop {
                        let line = guest.line()?;
                        lines += usize::from(line.starts_with(&says));
                        it_left |= line == news;
                        if line == goodbye {
                            return io::Result::Ok((lines, it_left));
                        }
                    }
                })
            })
            .collect();
        // The stalled guest starts to read. Its last line says why it has to leave.
        let late = scope.spawn({
            let mut bob = Guest::arrives(addr)?;
            let (news, stalled, last) = (news.clone(), &mut stalled, &last);
            move || {
                bob.hears(&news)?;
                stalled.wakes_up()?;
                let reason = stalled.hears_the_end()?;
                bob.hears(last)?;
                io::Result::Ok(reason)
            }
        });
        for number in 1..LINES {
            ada.says(&format!("line {number} {}", long_line()))?;
        }
        ada.says(&format!("line {LINES}"))?;
        ada.says("/quit")?;
        assert_eq!(ada.hears_the_end()?, "-- goodbye");
        for listener in listeners {
            let (lines, it_left) =
                listener.join().map_err(|_| "a listener panicked")??;
            assert_eq!((lines, it_left), (LINES, true));
        }
        let reason = late.join().map_err(|_| "the late reader panicked")??;
        assert_eq!(reason, "-- disconnected: you do not read");
        Ok(())
    })
}

#[test]
fn others_talk_while_a_speaker_waits_for_a_full_mailbox() -> Outcome {
    let (_server, addr) = server("14_chat")?;
    let stalled = Guest::arrives_stalled(addr)?;
    let mut bob = Guest::arrives(addr)?;
    let mut cara = Guest::arrives(addr)?;
    let mut ada = Guest::arrives(addr)?;
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..300 {
                ada.says(&long_line())?;
            }
            ada.hears_the_end()
        });
        // Meanwhile, bob hears what cara says, again and again.
        let news = format!("-- {} was disconnected: does not read", stalled.name);
        let (mut rounds, mut over) = (0, false);
        while !over {
            rounds += 1;
            cara.says(&format!("round {rounds}"))?;
            let wanted = format!("{}: round {rounds}", cara.name);
            loop {
                let line = bob.line()?;
                over |= line == news;
                if line == wanted {
                    break;
                }
            }
        }
        drop(_server); // so that ada's thread ends
        Ok(())
    })
}

#[test]
fn a_lock_in_a_match_lasts_as_long_as_the_match() {
    let number = parking_lot::Mutex::new(1_u8);
    let is_free = || number.try_lock().is_some();
    match number.lock().checked_add(1) {
        Some(_) => assert!(!is_free()), // the guard has no name, and is still there
        None => unreachable!(),
    }
    let sum = number.lock().checked_add(1);
    match sum {
        Some(_) => assert!(is_free()),
        None => unreachable!(),
    }
}

#[test]
fn a_newcomer_needs_to_send_nothing() -> Outcome {
    let (_server, addr) = server("14_chat")?;
    let mut ada = Guest::arrives(addr)?;
    assert_eq!(ada.name, "guest-1");
    let mut bob = Guest::arrives(addr)?;
    assert_eq!(ada.line()?, "-- guest-2 joined");
    bob.says("Hello\r")?; // some clients end a line as the web does
    assert_eq!(ada.line()?, "guest-2: Hello");
    bob.sends(b"no newline")?;
    bob.stream.get_ref().shutdown(Shutdown::Write)?;
    assert_eq!(bob.hears_the_end()?, "-- goodbye");
    assert_eq!(ada.line()?, "guest-2: no newline");
    assert_eq!(ada.line()?, "-- guest-2 left");
    Ok(())
}

#[test]
fn names_are_checked() -> Outcome {
    let (_server, addr) = server("14_chat")?;
    let mut ada = Guest::arrives(addr)?;
    let mut bob = Guest::arrives(addr)?;
    ada.says("/nick Ada")?;
    ada.hears("-- guest-1 is now Ada")?;
    bob.hears("-- guest-1 is now Ada")?;
    for name in ["", " ", "a b", "a\x1b[2Jb", "a\tb", "x:", "\u{202e}ada"] {
        bob.says(&format!("/nick {name}"))?;
        bob.hears("-- a name has 1 to 20 letters, digits, - or _")?;
    }
    bob.says(&format!("/nick {}", "b".repeat(3000)))?;
    bob.hears("-- a name has 1 to 20 letters, digits, - or _")?;
    bob.says("/nick aDA")?;
    bob.hears("-- aDA is taken")?;
    ada.says("/nick ada")?; // your own name isn't taken
    ada.hears("-- Ada is now ada")?;
    bob.says("/nick guest-3")?;
    bob.hears("-- guest-2 is now guest-3")?;
    assert_eq!(Guest::arrives(addr)?.name, "guest-4"); // the third one; that name is taken
    bob.says("/nick Zo\u{eb}\rquit")?;
    bob.hears("-- a name has 1 to 20 letters, digits, - or _")?;
    bob.says("/nick Zo\u{eb}")?;
    ada.hears("-- guest-3 is now Zo\u{eb}")?;
    ada.says("/who")?;
    let here = loop {
        let line = ada.line()?;
        if line.starts_with("-- here") {
            break line;
        }
    };
    assert!(here.starts_with("-- here: ada, Zo\u{eb}"), "{here}");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_room() -> Outcome {
    let (_server, addr) = server("14_chat")?;
    let mut ada = Guest::arrives(addr)?;
    let complaint = "-- that was not passed on: too long, or not UTF-8";

    let mut odd = Guest::arrives(addr)?;
    let long = vec![b'x'; 10_000_000];
    odd.sends(&long)?;
    odd.says("")?;
    odd.hears(complaint)?;
    odd.sends(b"\xff\xfe \n")?;
    odd.hears(complaint)?;
    odd.says("\x1b[2J\x07bell")?;
    ada.hears(&format!("{}: \u{fffd}[2J\u{fffd}bell", odd.name))?;
    for byte in "slowly\n".bytes() {
        odd.sends(&[byte])?;
    }
    ada.hears(&format!("{}: slowly", odd.name))?;
    odd.sends(b"in the mid")?;
    socket2::SockRef::from(odd.stream.get_ref()).set_linger(Some(Duration::ZERO))?;
    drop(odd); // closed with a reset
    ada.hears("-- guest-2 left")?;

    for _ in 0..200 {
        drop(connect(addr)?); // never a byte
    }
    let mut bob = Guest::arrives(addr)?;
    bob.says("still here")?;
    ada.hears(&format!("{}: still here", bob.name))?;
    Ok(())
}

#[test]
fn at_ctrl_c_every_client_gets_a_farewell() -> Outcome {
    let (mut server, addr) = server("14_chat")?;
    let mut crowd =
        (0..50).map(|_| Guest::arrives(addr)).collect::<io::Result<Vec<_>>>()?;
    server.interrupt()?;
    for guest in &mut crowd {
        assert_eq!(guest.hears_the_end()?, "-- the server stops: goodbye");
    }
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn the_client_shows_what_comes_until_the_room_ends() -> Outcome {
    let (mut server, addr) = server("14_chat")?;
    let addr = addr.to_string();
    let mut client = Program::example("14_chat", &["client", "--addr", &addr])?;
    let end = Instant::now() + DEADLINE;
    let line = client.line(end)?.ok_or("the client has ended")?;
    assert_eq!(line, "-- you are guest-1: /nick NAME, /who, /quit");
    client.type_line("/who")?;
    assert_eq!(client.line(end)?.as_deref(), Some("-- here: guest-1"));
    server.interrupt()?; // nobody types anything, but the client notices
    assert_eq!(client.line(end)?.as_deref(), Some("-- the server stops: goodbye"));
    assert!(client.status(end)?.success());
    Ok(())
}

/// Numbers that look random, but are the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % below
    }

    /// A line made of parts of lines.
    fn line(&mut self) -> String {
        const PARTS: [&str; 18] = [
            "/",
            "nick",
            "who",
            "quit",
            " ",
            "\t",
            "a",
            "Z",
            "0",
            "-",
            "_",
            "\x1b",
            "\r",
            "\0",
            "\u{e9}",
            "\u{202e}",
            "\u{4e16}",
            "\u{1f600}",
        ];
        (0..self.next(12)).map(|_| PARTS[self.next(PARTS.len())]).collect()
    }
}

#[test]
fn every_line_means_something_harmless() {
    let mut chance = Chance(14);
    for _ in 0..20_000 {
        let line = chance.line();
        let is_command = line.starts_with('/');
        match Said::parse(&line) {
            Said::Say(text) => {
                assert!(!is_command && text.chars().count() == line.chars().count());
                assert!(
                    !text.contains(|c: char| c.is_control() && c != '\t'),
                    "{line:?}"
                );
            }
            Said::Nothing => assert!(!is_command, "{line:?}"),
            Said::Nick(name) => {
                assert!(line.starts_with("/nick"), "{line:?}");
                if let Ok(name) = checked_name(&name) {
                    assert!((1..=NAME).contains(&name.chars().count()), "{line:?}");
                    assert!(!name.contains(|c: char| c.is_control() || c == ' '));
                }
            }
            Said::Who => assert!(line.starts_with("/who"), "{line:?}"),
            Said::Quit => assert!(line.starts_with("/quit"), "{line:?}"),
            Said::Unknown(word) => {
                assert!(is_command && !word.contains(' '), "{line:?}")
            }
        }
    }
    assert_eq!(Said::parse("/nick  ada "), Said::Nick("ada".to_owned()));
    assert_eq!(Said::parse("/nickada"), Said::Unknown("nickada".to_owned()));
    assert_eq!(Said::parse(" /quit"), Said::Say(" /quit".to_owned()));
    assert_eq!(Said::parse("/quit now"), Said::Quit);
}

/// People would mistake two guests with the same name for each other.
#[test]
fn a_name_can_be_seen_and_read() -> Outcome {
    let (_server, addr) = server("14_chat")?;
    let mut guest = Guest::arrives(addr)?;
    let mut answer_to = |name: &str| -> io::Result<String> {
        writeln!(guest.stream.get_mut(), "/nick {name}")?;
        let mut answer = String::new();
        guest.stream.read_line(&mut answer)?;
        Ok(answer)
    };
    for name in ["ada", "Zo\u{eb}", "e\u{301}va", "हिन्दी", "ไทย", "世界-2", "a_b"]
    {
        let answer = answer_to(name)?;
        assert!(answer.ends_with(&format!("is now {name}\n")), "{name}: {answer}");
    }
    for name in [
        "\u{3164}",
        "\u{115f}",
        "\u{1160}",
        "\u{ffa0}",
        "ada\u{3164}",
        "ada\u{200b}",
        "ada\u{ad}",
        "\u{301}ada",
        "ada\u{202e}",
        "a,b",
        "🙂",
    ] {
        let answer = answer_to(name)?;
        assert!(answer.starts_with("-- a name has 1 to 20"), "{name:?}: {answer}");
    }
    Ok(())
}

/// A script that starts a server with `&` starts it with SIGINT ignored, and `nohup`
/// with SIGHUP ignored. The server should serve even so.
#[cfg(unix)]
#[test]
fn a_server_starts_where_ctrl_c_is_ignored() -> Outcome {
    for signal in ["INT", "HUP"] {
        let script = format!("trap '' {signal}; exec \"$0\" serve --addr 127.0.0.1:0");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).arg(example("14_chat"));
        let (_server, addr) = Program::server(&mut command)?;
        Guest::arrives(addr)?;
    }
    Ok(())
}

#[test]
fn the_drawing_shows_one_writer_stuck_and_one_speaker_waiting() -> Outcome {
    let printed = course::drawings::printed("14_chat", &["--timeline"])?;
    let lane = |name: &str| {
        let begins = |line: &&String| line.trim_start().starts_with(name);
        printed.iter().find(begins).cloned().unwrap_or_default()
    };
    let works = |name: &str| lane(name).matches('▓').count();
    assert!(lane("handler-3").contains(" a mailbox is full "), "{printed:#?}");
    assert!(works("writer-1") > 20, "{printed:#?}");
    assert!(works("writer-1") > 2 * works("writer-3"), "{printed:#?}");
    Ok(())
}

/// The Python version. The handler of its first client doesn't read until the client's
/// writing thread has ended.
const READS_LATE: &str = "
import runpy, sys
sys.path.insert(0, 'lessons/python')
program = runpy.run_path('lessons/python/14_chat.py')
Chat = program['Chat']
handle = Chat.handle
def reads_late(self):
    if self.number == 1:
        self.writer.join()
    handle(self)
    print('handled', flush=True)
Chat.handle = reads_late
program['main']()
";

/// The system tells only one thread of a reset. If it tells the writing thread, the reading
/// thread finds end of file, and half a line looks like the last one.
#[test]
fn a_reset_in_the_middle_of_a_line_ends_without_it_in_python_too() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.args(["-c", READS_LATE, "serve", "--addr", "127.0.0.1:0"]);
    let (mut server, addr) = Program::server(&mut command)?;
    let mut odd = Guest::arrives(addr)?;
    let mut ada = Guest::arrives(addr)?;
    odd.sends(b"in the mid")?;
    socket2::SockRef::from(odd.stream.get_ref()).set_linger(Some(Duration::ZERO))?;
    drop(odd); // closed with a reset
    ada.says("Hello")?; // so that the writing thread finds out
    ada.hears("-- guest-1 left")?;
    assert_eq!(server.line(Instant::now() + DEADLINE)?.as_deref(), Some("handled"));
    ada.says("/quit")?;
    assert_eq!(ada.line()?, "-- goodbye"); // and nothing else
    Ok(())
}

#[test]
fn python_disconnects_a_client_that_does_not_read() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.args(["lessons/python/14_chat.py", "serve", "--addr", "127.0.0.1:0"]);
    let (_server, addr) = Program::server(&mut command)?;
    for too_late in ["", "Is anybody here?\n"] {
        let mut stalled = Guest::arrives_stalled(addr)?;
        let mut bob = Guest::arrives(addr)?;
        let mut ada = Guest::arrives(addr)?;
        let left = format!("-- {} left", ada.name);
        thread::scope(|scope| -> Outcome {
            scope.spawn(move || {
                for _ in 0..300 {
                    ada.says(&long_line())?;
                }
                ada.says("/quit")?;
                ada.hears_the_end()
            });
            bob.hears(&format!("-- {} was disconnected: does not read", stalled.name))?;
            stalled.sends(too_late.as_bytes())?;
            stalled.wakes_up()?;
            assert_eq!(stalled.hears_the_end()?, "-- goodbye");
            loop {
                let line = bob.line()?;
                assert!(!line.starts_with(&stalled.name), "{line}");
                if line == left {
                    return Ok(());
                }
            }
        })?;
    }
    Ok(())
}

/// Types into a connection that is broken.
const TYPIST: &str = "\
import io, runpy, socket, sys
sys.path.insert(0, 'lessons/python')
program = runpy.run_path(sys.argv[1])
stream, other = socket.socketpair()
other.close()
sys.stdin = io.StringIO('hello\\n')
program['type_into'](stream)
";

#[test]
fn what_is_typed_when_the_server_has_gone_is_an_error_in_python_and_no_traceback()
-> Outcome {
    let Some(python) = python() else { return Ok(()) };
    for program in ["lessons/python/14_chat.py", "lessons/python/22_many_machines.py"] {
        let output = Command::new(python).args(["-c", TYPIST, program]).output()?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {error}");
        assert!(error.starts_with("error: ") && error.lines().count() == 1, "{error}");
    }
    Ok(())
}
