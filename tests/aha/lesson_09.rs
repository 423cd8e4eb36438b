//! Lesson 09: a thread for each client, and bytes that aren't text.

use super::course::drawings::{as_in_the_note, extent};
use super::course::files::{read, root};
use super::course::programs::python;
use super::*;

#[test]
fn a_silent_client_no_longer_stops_the_others() -> Outcome {
    silent_clients_stop_nobody("09_reverse")
}

/// Two clients say nothing while a third gets a reply; then the first, while the others
/// stay.
pub(super) fn silent_clients_stop_nobody(lesson: &str) -> Outcome {
    let (_server, addr) = server(lesson)?;
    let mut first = connect(addr)?;
    let mut second = connect(addr)?;
    let mut third = connect(addr)?;
    assert_eq!(echoed(&mut third, b"third")?, b"driht");
    assert_eq!(echoed(&mut first, b"first")?, b"tsrif");
    assert_eq!(echoed(&mut third, b"again")?, b"niaga");
    assert_eq!(echoed(&mut second, b"second")?, b"dnoces");
    Ok(())
}

#[test]
fn two_hundred_clients_at_once() -> Outcome {
    two_hundred_at_once("09_reverse")
}

/// Two hundred clients are connected at the same time, and all are answered.
pub(super) fn two_hundred_at_once(lesson: &str) -> Outcome {
    let (_server, addr) = server(lesson)?;
    let mut clients = (0..200).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(format!("<{number:03}>").as_bytes())?;
    }
    for (number, client) in clients.iter_mut().enumerate().rev() {
        let mut answer = [0; 5];
        client.read_exact(&mut answer)?;
        let expected: String = format!("<{number:03}>").chars().rev().collect();
        assert_eq!(answer, expected.as_bytes());
    }
    Ok(())
}

#[test]
fn each_read_is_reversed_not_each_line() -> Outcome {
    // A line of 2000 bytes doesn't fit into a single read of 1024.
    let (_server, addr) = server("09_reverse")?;
    let line: Vec<u8> = (b'a'..=b'z').cycle().take(2000).collect();
    let answer = echoed(&mut connect(addr)?, &line)?;
    let whole: Vec<u8> = line.iter().rev().copied().collect();
    assert_ne!(answer, whole);
    let sorted = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes.sort_unstable();
        bytes
    };
    assert_eq!(sorted(&answer), sorted(&line), "the bytes are all there, in parts");
    Ok(())
}

#[test]
fn reversed_bytes_are_not_reversed_text() -> Outcome {
    let (_server, addr) = server("09_reverse")?;
    let answer = echoed(&mut connect(addr)?, "é".as_bytes())?;
    assert_eq!(("é".as_bytes(), &answer[..]), (&[0xc3, 0xa9][..], &[0xa9, 0xc3][..]));
    let mut errors = vec![String::from_utf8(answer).expect_err("text").to_string()];
    if let Some(python) = python() {
        let reverse = "print(chr(233).encode()[::-1].decode())";
        let said = Command::new(python).args(["-c", reverse]).output()?.stderr;
        let said = String::from_utf8(said)?;
        let last =
            said.lines().last().and_then(|line| line.split_once("UnicodeDecodeError: "));
        errors.push(last.ok_or("python can decode it")?.1.to_owned());
    }
    // Both give the same message, and the note shows it.
    let note = read(&root().join("lessons/09_reverse.md"))?;
    for error in errors {
        assert!(
            note.contains(&format!("\n{error}\n")),
            "the note does not show: {error}"
        );
    }

    // Reversing characters comes closer: each `char` stays whole.
    let reversed: String = "été!".chars().rev().collect();
    assert_eq!(reversed, "!été");
    Ok(())
}

#[test]
fn reversed_characters_are_not_reversed_letters() {
    // The same letter, written as `e` and an accent that goes on top of what is before
    // it.
    let word = "e\u{301}a";
    let reversed: String = word.chars().rev().collect();
    assert_eq!(reversed, "a\u{301}e"); // now the accent is on the other letter
}

#[test]
fn an_odd_client_does_not_disturb_the_reversing_server() -> Outcome {
    odd_clients_cost_nothing("09_reverse")
}

/// Odd clients of all kinds; after each of them, the one that was first is still served.
pub(super) fn odd_clients_cost_nothing(lesson: &str) -> Outcome {
    let (mut server, addr) = server(lesson)?;
    let mut still_served = connect(addr)?;
    let mut check = || -> Outcome {
        assert_eq!(echoed(&mut still_served, b"still?")?, b"?llits");
        Ok(())
    };

    let mut slow = connect(addr)?;
    slow.set_nodelay(true)?;
    for byte in "one byte at a time, h\u{e9}".bytes() {
        assert_eq!(echoed(&mut slow, &[byte])?, [byte]);
    }
    check()?;

    drop(connect(addr)?); // never a byte
    check()?;

    let mut half = connect(addr)?; // closes its half, then reads; and sends no text at all
    half.write_all(b"\xff\xfe\x00")?;
    half.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    half.read_to_end(&mut answer)?;
    assert_eq!(answer, b"\x00\xfe\xff");
    check()?;

    let mut reset = connect(addr)?;
    assert_eq!(echoed(&mut reset, b"first")?, b"tsrif");
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset
    let end = Instant::now() + DEADLINE;
    loop {
        let line = server.line(end)?.ok_or("the server has ended")?;
        if line.contains("error: ") {
            break; // and it said so
        }
    }
    check()?;

    comes_back(addr, vec![b'x'; 10_000_000])?;
    check()?;

    server.interrupt()?; // busy as it is
    server.status(end)?;
    Ok(())
}

#[test]
fn a_client_that_has_left_has_no_address() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = connect(listener.local_addr()?)?;
    let address = client.local_addr()?;
    let (stream, from_accept) = listener.accept()?;
    assert_eq!((stream.peer_addr()?, from_accept), (address, address));
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    drop(client); // closed with a reset
    let reset =
        bounded(stream.try_clone()?)?.read(&mut [0]).map_err(|error| error.kind());
    assert_eq!(reset, Err(ErrorKind::ConnectionReset));
    assert!(stream.peer_addr().is_err());
    Ok(())
}

/// A client that resets before its thread begins causes no strange message.
#[test]
fn a_reset_before_the_thread_begins_is_called_a_reset() -> Outcome {
    for lesson in ["09_reverse", "10_print_lock"] {
        let (mut server, addr) = server(lesson)?;
        let reset = connect(addr)?;
        socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
        drop(reset);
        let end = Instant::now() + DEADLINE;
        loop {
            let line = server.line(end)?.ok_or("the server has ended")?;
            if let Some((_, error)) = line.split_once("error: ") {
                let kind = io::Error::from(ErrorKind::ConnectionReset).to_string();
                assert!(error.to_lowercase().contains(&kind), "{line}");
                break;
            }
        }
    }
    Ok(())
}

#[test]
fn three_clients_are_served_at_the_same_time() -> Outcome {
    as_in_the_note("09_reverse", &[], |lanes| {
        let [first, second, third] =
            ["thread 1", "thread 2", "thread 3"].map(|name| extent(lanes, name, "▒"));
        let (first, second, third) = (first?, second?, third?);
        let together = second[0] < third[1] && third[0] < second[1];
        let around = first[0] <= second[0] && first[1] > second[1].max(third[1]);
        (together && around).then_some(()).ok_or("not at the same time".to_owned())
    })?;
    Ok(())
}
