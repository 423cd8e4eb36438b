//! The chat room in a browser: each rule that a client can break, and clients that
//! others wrote.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use course::programs::{
    self, DEADLINE, Program, announce, example, python, python_with,
};
use parking_lot::Mutex;
use socket2::{Domain, SockRef, Socket, Type};
use websocket_client::{
    BINARY, CLOSE, Client, PING, PONG, TEXT, UPGRADE, close, frame, in_time,
};

#[path = "../course/mod.rs"]
mod course;
mod websocket_client;

/// A test fails with whatever went wrong.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The lesson.
const LESSON: &str = "19_websocket";

/// The server, on a free port.
fn server() -> Result<(Program, SocketAddr), String> {
    server_with(&[])
}

fn server_with(options: &[&str]) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example(LESSON));
    Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]).args(options))
}

/// A guest that sees the others join and leave.
fn witness(addr: SocketAddr) -> io::Result<Client> {
    let mut ada = Client::enters(addr)?;
    ada.says("/nick ada")?;
    ada.hears("-- guest-1 is now ada")?;
    Ok(ada)
}

/// Sends bytes, and reads all that comes back.
fn asked(addr: SocketAddr, request: &[u8]) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&addr, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(request)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

// ---- HTTP -----------------------------------------------------------------------------

#[test]
fn one_port_serves_the_page_and_the_socket() -> Outcome {
    let (_server, addr) = server()?;
    let page = asked(addr, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")?;
    let (head, body) = page.split_once("\r\n\r\n").ok_or("no head")?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
    assert!(head.contains("\r\nContent-Type: text/html; charset=utf-8\r\n"), "{head}");
    assert!(body.ends_with("</script>\n"));
    let only_head = asked(addr, b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")?;
    assert_eq!(only_head, format!("{head}\r\n\r\n"));
    let nothing = asked(addr, b"HEAD /nothing HTTP/1.1\r\nHost: h\r\n\r\n")?;
    assert!(nothing.starts_with("HTTP/1.1 404 ") && nothing.ends_with("\r\n\r\n"));
    Client::enters(addr)?;
    Ok(())
}

/// Wherever it's opened, it fetches nothing else, and no line becomes markup.
#[test]
fn the_page_needs_no_other_file() {
    let page = include_str!("../../examples/19_websocket/page.html");
    for word in ["src=", "@import", "url(", "http:", "innerHTML =", "insertAdjacentHTML"]
    {
        assert!(!page.contains(word), "{word}");
    }
    assert_eq!(page.matches("href=").count(), page.matches("href=\"data:,\"").count());
}

#[test]
fn a_wrong_upgrade_gets_an_http_error() -> Outcome {
    let (_server, addr) = server()?;
    let without = |name: &str| {
        let is_other = |line: &&str| !line.starts_with(name);
        UPGRADE.split_inclusive("\r\n").filter(is_other).collect::<String>()
    };
    let key = "Sec-WebSocket-Key: ";
    for (head, status) in [
        ("GET /chat HTTP/1.1\r\nHost: h\r\n".to_owned(), 426), // a browser's address bar
        (without("Connection"), 426),
        (without("Upgrade"), 426),
        (without("Sec-WebSocket-Version"), 426),
        (UPGRADE.replace("Version: 13", "Version: 8"), 426),
        (UPGRADE.replace("Upgrade: websocket", "Upgrade: h2c"), 426),
        (UPGRADE.replace("HTTP/1.1", "HTTP/1.0"), 426),
        (without("Sec-WebSocket-Key"), 400),
        (without("Host"), 400),
        (UPGRADE.replace("ZQ==", ""), 400),
        (UPGRADE.replace("ZQ==", "ZQ=A"), 400),
        (format!("{UPGRADE}{key}dGhlIHNhbXBsZSBub25jZQ==\r\n"), 400),
        (format!("{UPGRADE}not a header\r\n"), 400),
        (UPGRADE.replace("GET", "POST"), 405),
        (UPGRADE.replace("/chat", "/talk"), 404),
        (UPGRADE.replace("HTTP/1.1", "HTTP/2.0"), 505),
        (UPGRADE.replace("/chat", &format!("/{}", "a".repeat(9000))), 414),
        (format!("{UPGRADE}X: {}\r\n", "a".repeat(70_000)), 431),
        (format!("{UPGRADE}{}", "X: a\r\n".repeat(101)), 431),
    ] {
        let answer = asked(addr, format!("{head}\r\n").as_bytes())
            .map_err(|error| format!("{head}: {error}"))?;
        let expected = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&expected), "{head}: {answer}");
        let says_how = "\r\nUpgrade: websocket\r\nConnection: close, Upgrade\r\n\
                        Sec-WebSocket-Version: 13\r\n";
        assert_eq!(answer.contains(says_how), status == 426, "{answer}");
    }
    // A client that speaks TLS gets a sentence, too.
    let hello = asked(addr, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")?;
    assert!(hello.starts_with("HTTP/1.1 400 "), "{hello}");
    Ok(())
}

#[test]
fn only_our_own_page_can_join() -> Outcome {
    let (_server, addr) = server()?;
    let with = |origin: &str| format!("{UPGRADE}Origin: {origin}\r\n\r\n");
    for origin in ["http://evil.example", "http://here:5001", "http://here", "null", ""]
    {
        let answer = asked(addr, with(origin).as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{origin}: {answer}");
    }
    let two = format!("{UPGRADE}Origin: http://here:5000\r\nOrigin: http://x\r\n\r\n");
    assert!(asked(addr, two.as_bytes())?.starts_with("HTTP/1.1 403 "));
    for origin in ["http://here:5000", "https://HERE:5000"] {
        let mut client = Client { stream: TcpStream::connect(addr)? };
        client.sends(with(origin).as_bytes())?;
        let head = client.head()?;
        assert!(head.starts_with("HTTP/1.1 101 "), "{origin}: {head}");
    }
    Ok(())
}

/// A client that sends a byte now and then never runs into a read timeout. A deadline
/// stops it, and that deadline is for the head only.
#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn a_head_that_trickles_in_is_not_waited_for_forever() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;
    let mut bob = Client::enters(addr)?;
    let brief = Some(Duration::from_millis(500));
    bob.stream.set_read_timeout(brief)?;
    assert!(bob.frame().is_err()); // so bob has been there for half a second longer
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(brief)?;
    stream.write_all(UPGRADE.as_bytes())?;
    let begin = Instant::now();
    let end = loop {
        match stream.read(&mut [0; 100]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                stream.write_all(b"X")?;
            }
            end => break end,
        }
        assert!(begin.elapsed() < 2 * DEADLINE, "it's still waited for");
    };
    assert!(!end.is_ok_and(|count| count > 0), "an answer to half a head");
    assert!(begin.elapsed() > Duration::from_secs(5), "{:?}", begin.elapsed());
    bob.says("I have been here for longer than that")?;
    ada.hears("guest-2: I have been here for longer than that")?;
    Ok(())
}

// ---- Frames ---------------------------------------------------------------------------

#[test]
fn each_broken_rule_has_its_close_code() -> Outcome {
    let (_server, addr) = server()?;
    let long = "x".repeat(4001).into_bytes();
    let pieces = [frame(0x01, &long[..2500]), frame(0x80, &long[..2500])].concat();
    let claims =
        |length: u64| [&[TEXT, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let no_mask = [&[TEXT, 5][..], b"Hello"].concat();
    for (what, bytes, code) in [
        ("no mask", no_mask, 1002),
        ("a reserved bit", frame(TEXT | 0x40, b"Hello"), 1002),
        ("the second one", frame(TEXT | 0x20, b"Hello"), 1002),
        ("the third one", frame(TEXT | 0x10, b"Hello"), 1002),
        ("a kind that doesn't exist", frame(0x83, b"Hello"), 1002),
        ("another one", frame(0x8b, b"Hello"), 1002),
        ("a ping in pieces", frame(0x09, b"Hello"), 1002),
        ("a close frame in pieces", frame(0x08, &[3, 232]), 1002),
        ("a ping that is too long", frame(PING, &[b'x'; 126]), 1002),
        ("a piece without a beginning", frame(0x80, b"Hello"), 1002),
        (
            "a message inside another",
            [frame(0x01, b"a"), frame(TEXT, b"b")].concat(),
            1002,
        ),
        ("half a close code", frame(CLOSE, &[3]), 1002),
        ("a code that nobody may send", close(1005, b""), 1002),
        ("the next one", close(1006, b""), 1002),
        ("a code from below", close(999, b""), 1002),
        ("a reason that isn't UTF-8", close(1000, b"\xff"), 1007),
        ("not a text", frame(BINARY, b"Hello"), 1003),
        ("not UTF-8", frame(TEXT, b"h\xffllo"), 1007),
        ("half a letter at the end", frame(TEXT, b"h\xc3"), 1007),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80"), 1007),
        ("too long", frame(TEXT, &long), 1009),
        ("too long, in pieces", pieces, 1009),
        ("it says that it is long", claims(1 << 40), 1009),
        ("a length beyond all", claims(u64::MAX), 1009),
    ] {
        let mut client = Client::enters(addr)?;
        client.sends(&bytes)?;
        let (found, reason) =
            client.hears_the_end().map_err(|e| format!("{what}: {e}"))?;
        assert_eq!(found, code, "{what}: {reason}");
        assert!(client.is_over()?, "{what}: something follows the close frame");
    }
    Ok(())
}

#[test]
fn bytes_that_break_a_letter_over_two_frames_are_one_letter() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;
    let mut client = Client::enters(addr)?;
    client.sends(&frame(0x01, b"h\xc3"))?;
    client.sends(&frame(PING, b"in between"))?; // control frames may come between pieces
    client.sends(&frame(0x00, b""))?;
    client.sends(&frame(0x80, b"\xa9!"))?;
    ada.hears("guest-2: h\u{e9}!")?;
    assert_eq!(client.frame()?, (PONG, b"in between".to_vec()));

    client.sends(&frame(0x01, b"h\xc3"))?;
    client.sends(&frame(0x80, b"h"))?;
    assert_eq!(client.hears_the_end()?.0, 1007);
    ada.hears("-- guest-2 left")?;
    Ok(())
}

#[test]
fn a_frame_can_arrive_byte_by_byte_or_together_with_others() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    for byte in format!("{UPGRADE}\r\n").bytes() {
        stream.write_all(&[byte])?;
    }
    let mut client = Client { stream };
    client.head()?;
    for byte in frame(TEXT, "slowly, h\u{e9}".as_bytes()) {
        client.sends(&[byte])?;
    }
    ada.hears("guest-2: slowly, h\u{e9}")?;
    // The head and three messages, in one write.
    let all = [UPGRADE.as_bytes(), b"\r\n", &frame(TEXT, b"one"), &frame(TEXT, b"two")];
    let all = [&all.concat()[..], &frame(TEXT, &[b'x'; 4000])].concat();
    let mut at_once = TcpStream::connect(addr)?;
    at_once.write_all(&all)?;
    ada.hears("guest-3: one")?;
    ada.hears("guest-3: two")?;
    ada.hears(&format!("guest-3: {}", "x".repeat(4000)))?;
    Ok(())
}

#[test]
fn a_message_is_one_line_whatever_is_in_it() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;
    let mut client = Client::enters(addr)?;
    client.says("<b>one</b>\n-- ada left\r\n\x1b[2J")?;
    let shown = "<b>one</b>\u{fffd}-- ada left\u{fffd}\u{fffd}\u{fffd}[2J";
    ada.hears(&format!("guest-2: {shown}"))?;
    client.says("")?;
    client.says("still here")?;
    ada.hears("guest-2: still here")?;
    Ok(())
}

#[test]
fn a_close_frame_is_answered_with_its_own_code() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;
    for (number, code) in (2..).zip([1000_u16, 1001, 3000, 4999]) {
        let mut client = Client::enters(addr)?;
        client.sends(&close(code, b"bye"))?;
        assert_eq!(client.hears_the_end()?, (code, "bye".to_owned()));
        assert!(client.is_over()?);
        ada.hears(&format!("-- guest-{number} left"))?;
    }
    let mut client = Client::enters(addr)?;
    client.sends(&frame(CLOSE, b""))?;
    assert_eq!(client.hears_the_end()?.0, 0); // without a code, as it came
    assert!(client.is_over()?);
    Ok(())
}

#[test]
fn a_guest_that_quits_gets_1000() -> Outcome {
    let (_server, addr) = server()?;
    let mut client = Client::enters(addr)?;
    client.says("/quit")?;
    assert_eq!(client.text()?, "-- goodbye");
    assert_eq!(client.hears_the_end()?, (1000, "goodbye".to_owned()));
    client.sends(&close(1000, b"goodbye"))?;
    assert!(client.is_over()?);
    Ok(())
}

#[test]
fn a_guest_that_goes_without_a_word_leaves_the_room() -> Outcome {
    let (_server, addr) = server()?;
    let mut ada = witness(addr)?;

    let half = Client::enters(addr)?; // closes its half
    half.stream.shutdown(Shutdown::Write)?;
    ada.hears("-- guest-2 left")?;
    let mut half = half;
    assert_eq!(half.text()?, "-- goodbye"); // and still hears

    let mut reset = Client::enters(addr)?;
    reset.sends(&[TEXT, 0xfe, 0x01])?; // in the middle of a frame
    SockRef::from(&reset.stream).set_linger(Some(Duration::ZERO))?;
    drop(reset);
    ada.hears("-- guest-3 left")?;

    drop(TcpStream::connect(addr)?); // never a byte
    let mut half_a_head = TcpStream::connect(addr)?;
    half_a_head.write_all(b"GET /chat HT")?;
    drop(half_a_head);
    Client::enters(addr)?;
    ada.hears("-- guest-4 joined")?;
    Ok(())
}

// ---- Pings ----------------------------------------------------------------------------

#[test]
fn a_silent_client_gets_a_ping_and_stays_if_it_answers() -> Outcome {
    let (_server, addr) = server_with(&["--ping", "1"])?;
    let mut here = Client::enters(addr)?;
    let mut gone = Client::enters(addr)?;
    assert_eq!(here.text()?, "-- guest-2 joined");
    assert_eq!(here.frame()?.0, PING);
    here.sends(&frame(PONG, b""))?;
    assert_eq!(gone.frame()?.0, PING); // does not answer
    assert_eq!(gone.hears_the_end()?, (1002, "no pong".to_owned()));
    let end = Instant::now() + DEADLINE;
    loop {
        in_time(end)?;
        match here.frame()? {
            (PING, _) => here.sends(&frame(PONG, b""))?,
            (TEXT, line) if line == b"-- guest-2 left" => break,
            other => return Err(format!("{other:?}").into()),
        }
    }
    here.says("/who")?;
    loop {
        in_time(end)?;
        match here.frame()? {
            (PING, _) => here.sends(&frame(PONG, b""))?,
            (_, line) => break assert_eq!(line, b"-- here: guest-1"),
        }
    }
    Ok(())
}

#[test]
fn a_ping_is_answered_with_its_own_bytes() -> Outcome {
    let (_server, addr) = server()?;
    let mut client = Client::enters(addr)?;
    for data in [&b""[..], b"Hello", &[0xff; 125]] {
        client.sends(&frame(PING, data))?;
        assert_eq!(client.frame()?, (PONG, data.to_vec()));
    }
    client.sends(&frame(PONG, b"nobody has asked"))?;
    client.says("/who")?;
    assert_eq!(client.text()?, "-- here: guest-1");
    Ok(())
}

// ---- Many -----------------------------------------------------------------------------

/// A connection whose buffers are soon full if nobody reads.
fn soon_full(addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    #[cfg(unix)]
    socket.set_tcp_mss(1000)?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(&addr.into())?;
    Ok(socket.into())
}

#[test]
fn a_guest_that_does_not_read_is_removed_and_the_others_hear_everything() -> Outcome {
    const LINES: usize = 300;
    let (_server, addr) = server()?;
    let mut stalled = Client::opens(soon_full(addr)?)?;
    stalled.text()?;
    let mut ada = Client::enters(addr)?;
    let mut bob = Client::enters(addr)?;
    thread::scope(|scope| -> Outcome {
        let talk = scope.spawn(move || -> io::Result<Client> {
            let line = "bla ".repeat(900);
            (0..LINES).try_for_each(|number| ada.says(&format!("{number} {line}")))?;
            Ok(ada)
        });
        let mut heard = 0;
        let mut is_turned_out = false;
        while heard < LINES || !is_turned_out {
            let line = bob.text()?;
            if let Some(said) = line.strip_prefix("guest-2: ") {
                assert!(said.starts_with(&format!("{heard} ")), "{said}");
                heard += 1;
            }
            is_turned_out |= line == "-- guest-1 was disconnected: does not read";
        }
        talk.join().map_err(|_| "ada panicked")??;
        Ok(())
    })
}

#[test]
fn a_guest_that_was_removed_and_then_reads_is_told_why() -> Outcome {
    let (_server, addr) = server()?;
    let mut stalled = Client::opens(soon_full(addr)?)?;
    stalled.text()?;
    let mut ada = Client::enters(addr)?;
    let mut bob = Client::enters(addr)?;
    let stop = ada.stream.try_clone()?;
    thread::scope(|scope| -> Outcome {
        scope.spawn(|| while ada.says(&"bla ".repeat(900)).is_ok() {});
        let end = Instant::now() + DEADLINE;
        while bob.text()? != "-- guest-1 was disconnected: does not read" {
            in_time(end)?;
        }
        stop.shutdown(Shutdown::Both)?; // ada's last word
        SockRef::from(&stalled.stream).set_recv_buffer_size(1024 * 1024)?;
        assert_eq!(stalled.hears_the_end()?, (1008, "you do not read".to_owned()));
        assert!(stalled.is_over()?);
        Ok(())
    })
}

/// Two threads send pongs and lines. Each frame arrives in one piece.
#[test]
fn pongs_do_not_get_into_the_middle_of_a_line() -> Outcome {
    const COUNT: usize = 300;
    let (_server, addr) = server()?;
    let mut ada = Client::enters(addr)?;
    let mut bob = Client::enters(addr)?;
    let line = "x".repeat(3000);
    let mut pings = Client { stream: bob.stream.try_clone()? };
    thread::scope(|scope| -> Outcome {
        scope.spawn(|| (0..COUNT).try_for_each(|_| ada.says(&line)));
        scope.spawn(move || {
            (0..COUNT).try_for_each(|_| pings.sends(&frame(PING, &[b'p'; 125])))
        });
        let (mut lines, mut pongs) = (0, 0);
        while lines < COUNT || pongs < COUNT {
            match bob.frame()? {
                (TEXT, data) => {
                    assert_eq!(data, format!("guest-1: {line}").into_bytes());
                    lines += 1;
                }
                (PONG, data) => {
                    assert_eq!(data, [b'p'; 125]);
                    pongs += 1;
                }
                other => return Err(format!("{other:?}").into()),
            }
        }
        Ok(())
    })
}

#[cfg(unix)]
#[test]
fn clients_of_lesson_14_are_in_the_same_room() -> Outcome {
    // Another program might get this port before the server does.
    let started = (0..5).find_map(|_| {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
        let lines = port.ok()?;
        Some((server_with(&["--lines", &lines.to_string()]).ok()?, lines))
    });
    let ((mut server, addr), lines) = started.ok_or("no port")?;
    let mut ada = witness(addr)?;
    let mut bob =
        Program::example("14_chat", &["client", "--addr", &lines.to_string()])?;
    let end = Instant::now() + DEADLINE;
    assert!(bob.line(end)?.is_some_and(|line| line.starts_with("-- you are guest-2")));
    ada.says("h\u{e9}llo\nyou")?;
    assert_eq!(bob.line(end)?.as_deref(), Some("ada: h\u{e9}llo\u{fffd}you"));
    bob.type_line("Hello, ada")?;
    ada.hears("guest-2: Hello, ada")?;
    server.interrupt()?;
    assert_eq!(bob.line(end)?.as_deref(), Some("-- the server stops: goodbye"));
    assert_eq!(ada.hears_the_end()?.0, 1001);
    drop(ada);
    assert!(server.status(end)?.success());
    Ok(())
}

#[cfg(unix)]
#[test]
fn at_ctrl_c_fifty_clients_get_1001() -> Outcome {
    let (mut server, addr) = server()?;
    let crowd = (0..50).map(|_| Client::enters(addr));
    let mut crowd = crowd.collect::<io::Result<Vec<_>>>()?;
    server.interrupt()?;
    for client in &mut crowd {
        client.hears("-- the server stops: goodbye")?;
        assert_eq!(client.hears_the_end()?, (1001, "the server stops".to_owned()));
        client.sends(&close(1001, b""))?;
        assert!(client.is_over()?);
    }
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

/// How much memory a program uses, in KiB.
#[cfg(target_os = "linux")]
fn memory(program: &Program) -> Result<usize, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

/// By default, the crate takes 128 KiB for each client as soon as it reads.
#[cfg(target_os = "linux")]
#[test]
fn a_client_costs_little_memory() -> Outcome {
    const CLIENTS: usize = 100;
    let (server, addr) = server()?;
    Client::enters(addr)?;
    let before = memory(&server)?;
    let mut crowd = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = Client::enters(addr)?;
        client.sends(&frame(PING, b"read something"))?;
        while client.frame()?.0 != PONG {}
        crowd.push(client);
    }
    let each = (memory(&server)? - before) / CLIENTS;
    assert!(each < 100, "{each} KiB for each client");
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn tornado_keeps_what_a_client_does_not_read() -> Outcome {
    const LINES: usize = 2500;
    let Some(python) = programs::python_for(LESSON) else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg(format!("lessons/python/{LESSON}.py"));
    let (server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let mut stalled = Client::opens(soon_full(addr)?)?;
    stalled.text()?;
    let mut ada = Client::enters(addr)?;
    let mut bob = Client::enters(addr)?;
    let before = memory(&server)?;
    let line = "bla ".repeat(900);
    thread::scope(|scope| -> Outcome {
        scope.spawn(|| (0..LINES).try_for_each(|_| ada.says(&line)));
        let mut heard = 0;
        while heard < LINES {
            heard += usize::from(bob.text()?.starts_with("guest-2: "));
        }
        Ok(())
    })?;
    let more = memory(&server)? - before;
    assert!(more > 6000, "{more} KiB"); // 9 MB were said
    Ok(())
}

#[test]
fn tornado_keeps_the_same_rules() -> Outcome {
    let Some(python) = programs::python_for(LESSON) else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg(format!("lessons/python/{LESSON}.py"));
    let (_server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let stranger = format!("{UPGRADE}Origin: http://evil.example\r\n\r\n");
    let mut client = Client { stream: TcpStream::connect(addr)? };
    client.sends(stranger.as_bytes())?;
    assert!(client.head()?.starts_with("HTTP/1.1 403 "));

    let mut client = Client::enters(addr)?;
    client.sends(&frame(PING, b"Hello"))?;
    assert_eq!(client.frame()?, (PONG, b"Hello".to_vec()));
    client.says(&"x".repeat(4001))?;
    assert_eq!(client.hears_the_end()?.0, 1009);
    let mut client = Client::enters(addr)?;
    client.sends(&frame(BINARY, b"Hello"))?;
    assert_eq!(client.hears_the_end()?.0, 1003);
    Ok(())
}

/// The Python version, with a handler that waits until something is typed.
const WAITS: &str = "
import runpy, sys
sys.path.insert(0, 'lessons/python')
program = runpy.run_path('lessons/python/19_websocket.py')
WebChat = program['WebChat']
handle_line = WebChat.handle_line
def waits(self, line):
    if line == 'wait':
        print('waiting', flush=True)
        sys.stdin.readline()
    handle_line(self, line)
WebChat.handle_line = waits
program['main']()
";

#[test]
fn a_tornado_handler_that_waits_stops_everybody() -> Outcome {
    let Some(python) = programs::python_for(LESSON) else { return Ok(()) };
    let mut command = Command::new(python);
    command.args(["-c", WAITS, "serve", "--addr", "127.0.0.1:0"]);
    let (mut server, addr) = Program::server(&mut command)?;
    let mut ada = Client::enters(addr)?;
    let mut bob = Client::enters(addr)?;
    ada.says("wait")?;
    assert_eq!(server.line(Instant::now() + DEADLINE)?.as_deref(), Some("waiting"));
    bob.sends(&frame(PING, b"Is anybody here?"))?;
    bob.stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let silence = bob.frame().expect_err("somebody answers");
    assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    server.type_line("go on")?;
    bob.stream.set_read_timeout(Some(DEADLINE))?;
    while bob.frame()?.0 != PONG {}
    Ok(())
}

/// The thread that reads holds the lock until something arrives.
#[test]
fn one_lock_around_the_websocket_stops_all_writers() -> Outcome {
    use tungstenite::{WebSocket, protocol::Role};

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    let socket = WebSocket::from_raw_socket(stream, Role::Server, None);
    let socket = Arc::new(Mutex::new(socket));
    let reading = Arc::clone(&socket);
    let reader = thread::spawn(move || reading.lock().read());
    let end = Instant::now() + DEADLINE;
    while socket.try_lock().is_some() {
        assert!(Instant::now() < end, "the reader doesn't begin");
        thread::yield_now();
    }
    assert!(socket.try_lock_for(Duration::from_millis(300)).is_none()); // and so it stays
    client.write_all(&frame(TEXT, b"at last"))?;
    let heard = reader.join().map_err(|_| "the reader panicked")??;
    assert_eq!(heard.to_text()?, "at last");
    assert!(socket.try_lock_for(DEADLINE).is_some());
    Ok(())
}

// ---- Clients that others wrote ---------------------------------------------------------

#[cfg(unix)] // elsewhere, nobody can press Ctrl-C for a program
#[test]
fn a_browser_chats_and_comes_back() -> Outcome {
    for program in ["chromium", "chromedriver"] {
        if Command::new(program).arg("--version").output().is_err() {
            announce(&format!(
                "SKIPPED: no {program} here, so no browser saw lesson 19"
            ));
            return Ok(());
        }
    }
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg("tests/aha/websocket_browser.py").arg(example(LESSON));
    let mut browser = Program::start(&mut command)?;
    let end = Instant::now() + Duration::from_secs(60);
    let printed = browser.rest(end)?.join("\n");
    assert!(browser.status(end)?.success(), "{printed}");
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_library_websockets_chats() -> Outcome {
    let Some(python) = python_with("websockets") else { return Ok(()) };
    let (mut server, addr) = server()?;
    let mut command = Command::new(python);
    command.arg("tests/aha/websocket_library.py").arg(addr.to_string());
    let mut client = Program::start(&mut command)?;
    let end = Instant::now() + 2 * DEADLINE;
    let mut printed = Vec::new();
    while let Some(line) = client.line(end)? {
        if line == "ready for Ctrl-C" {
            server.interrupt()?;
        }
        printed.push(line);
    }
    assert!(client.status(end)?.success(), "{printed:#?}");
    assert!(server.status(end)?.success());
    Ok(())
}

#[test]
fn curl_shows_the_answer_and_the_first_frame() -> Outcome {
    if Command::new("curl").arg("--version").output().is_err() {
        announce("SKIPPED: no curl here, so it was not tried on lesson 19");
        return Ok(());
    }
    let (_server, addr) = server()?;
    let mut command = Command::new("curl");
    command.args(["-i", "-N", "-s", "--http1.1", "--max-time", "1"]);
    for header in UPGRADE.lines().skip(2) {
        command.args(["-H", header]);
    }
    let output = command.arg(format!("http://{addr}/chat")).output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{printed}");
    assert!(printed.contains("\r\n\r\n\u{fffd}+-- you are guest-1: "), "{printed:?}");
    Ok(())
}

/// Each client shows the same conversation, whichever server it talks to.
#[cfg(unix)]
#[test]
fn python_and_rust_show_the_same() -> Outcome {
    let typed =
        "Is anybody here?\n/who\n/nick ada\n/nick h\u{e9} h\u{e9}\n/dance\n\n/quit\n";
    let shown = "-- you are guest-1: /nick NAME, /who, /quit\n-- here: guest-1\n\
        -- guest-1 is now ada\n-- a name has 1 to 20 letters, digits, - or _\n\
        -- there is no /dance, but /nick NAME, /who, /quit\n-- goodbye\n\
        (closed: 1000 goodbye)";
    let languages = [None, programs::python_for(LESSON)];
    let commands = languages.iter().enumerate().filter_map(|(index, python)| {
        if index == 0 {
            return Some(vec![example(LESSON).display().to_string()]);
        }
        Some(vec![(*python)?.to_owned(), format!("lessons/python/{LESSON}.py")])
    });
    let commands: Vec<Vec<String>> = commands.collect();
    for server in &commands {
        for client in &commands {
            let mut command = Command::new(&server[0]);
            command.args(&server[1..]).args(["serve", "--addr", "127.0.0.1:0"]);
            let (mut server, addr) = Program::server(&mut command)?;
            let mut command = Command::new(&client[0]);
            command.args(&client[1..]).args(["client", "--addr", &addr.to_string()]);
            let mut client = Program::start(&mut command)?;
            for line in typed.lines() {
                client.type_line(line)?;
            }
            let end = Instant::now() + DEADLINE;
            assert_eq!(client.rest(end)?.join("\n"), shown, "{command:?}");

            let mut ada = Client::enters(addr)?;
            server.interrupt()?;
            ada.hears("-- the server stops: goodbye")?;
            assert_eq!(ada.hears_the_end()?, (1001, "the server stops".to_owned()));
            ada.sends(&close(1001, b""))?;
            assert!(server.status(end)?.success());
        }
    }
    Ok(())
}
