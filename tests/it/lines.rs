//! Reading by lines: what a line is, and what happens to a line that is too long or
//! isn't text. (Promise 12 is in `limits.rs`.)

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::time::Duration;

use socket2::SockRef;
use socketserver::TcpRequest;

use crate::support::{
    Notes, ask, connect, gate, options, read_all, stop, tcp, wait_until,
};

/// A line, or the kind of error that came instead.
type Line = Result<String, ErrorKind>;

fn ok(text: &str) -> Line {
    Ok(text.to_owned())
}

const INVALID: Line = Err(ErrorKind::InvalidData);

/// What `next_line` returns for `input`, with lines of at most `max_line` bytes. Each
/// piece is sent when the server has read the one before.
fn lines_of(max_line: usize, input: &[&[u8]]) -> Vec<Line> {
    let lines = Notes::new();
    let note = lines.clone();
    let server = tcp(options().max_line(max_line), move |request: &mut TcpRequest| {
        request.write_all(b"!")?;
        while let Some(line) = request.next_line().transpose() {
            note.add(line.map_err(|error| error.kind()));
        }
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.read_exact(&mut [0]).unwrap();
    client.set_nodelay(true).unwrap();
    for piece in input {
        client.write_all(piece).unwrap();
        std::thread::yield_now();
    }
    client.shutdown(std::net::Shutdown::Write).unwrap();
    assert!(read_all(client).is_empty());
    lines.all()
}

#[test]
fn a_line_comes_without_its_end() {
    let lines = lines_of(100, &[b"unix\nwindows\r\n\n\r\n\r\r\nmac\rmac\nlast"]);
    let expected = ["unix", "windows", "", "", "\r", "mac\rmac", "last"];
    assert_eq!(lines, expected.map(ok));
}

#[test]
fn no_input_is_no_line() {
    assert!(lines_of(100, &[]).is_empty());
    assert_eq!(lines_of(100, &[b"\n"]), [ok("")]);
}

#[test]
fn a_line_can_arrive_in_pieces() {
    let lines = lines_of(100, &[b"a lo", b"ng wa", b"y\nto", b" go\n"]);
    assert_eq!(lines, [ok("a long way"), ok("to go")]);
}

/// The limit is exact, and doesn't count the end of the line.
#[test]
fn a_line_can_be_as_long_as_allowed_and_not_a_byte_longer() {
    assert_eq!(lines_of(4, &[b"1234\n1234"]), [ok("1234"), ok("1234")]);
    assert_eq!(lines_of(4, &[b"12345\n12345"]), [INVALID, INVALID]);
    assert_eq!(lines_of(1, &[b"1\n\n12\n1"]), [ok("1"), ok(""), INVALID, ok("1")]);
    let (fits, too_long) = ("x".repeat(65_536), "x".repeat(65_537));
    let input = format!("{fits}\n{too_long}\n{fits}\n");
    let lines = lines_of(65_536, &[input.as_bytes()]);
    assert_eq!(lines, [ok(&fits), INVALID, ok(&fits)]);
}

/// However long it is, and however it arrives.
#[test]
fn a_line_that_is_too_long_is_one_error_and_the_next_line_is_read() {
    for length in [5, 4096, 8192, 8193, 100_000] {
        let long = "x".repeat(length);
        let lines = lines_of(4, &[long.as_bytes(), b"\nnext\n"]);
        assert_eq!(lines, [INVALID, ok("next")], "after {length} bytes");
    }
    let lines = lines_of(4, &[b"123", b"45", b"678", b"9\nne", b"xt\n"]);
    assert_eq!(lines, [INVALID, ok("next")]);
    let lines = lines_of(4, &[b"12345", b"6"]);
    assert_eq!(lines, [INVALID], "without an end");
}

#[test]
fn a_line_that_is_not_text_is_an_error_and_the_next_line_is_read() {
    let lines = lines_of(100, &[b"caf\xe9\n", "café\n".as_bytes(), b"\xff"]);
    assert_eq!(lines, [INVALID, ok("café"), INVALID]);
}

/// A letter of several bytes stays one letter, even if its bytes arrive one by one.
#[test]
fn text_can_be_cut_anywhere() {
    let bytes = "naïve café\n".as_bytes();
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(lines_of(100, &pieces), [ok("naïve café")]);
}

#[test]
fn read_line_appends_and_keeps_the_end_of_the_line() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut text = String::from("> ");
        assert_eq!(request.read_line(&mut text)?, 6);
        assert_eq!(request.read_line(&mut text)?, 3);
        assert_eq!(request.read_line(&mut text)?, 0);
        assert_eq!(request.read_line(&mut text)?, 0);
        request.write_all(text.as_bytes())
    });
    assert_eq!(half_closed(server.local_addr(), b"first\nend"), b"> first\nend");
}

/// Neither text nor bytes change when there is an error.
#[test]
fn what_was_read_before_survives_an_error() {
    let server = tcp(options().max_line(4), |request: &mut TcpRequest| {
        let mut text = String::from("before ");
        request.read_line(&mut text).expect_err("it is too long");
        request.read_line(&mut text).expect_err("it isn't text");
        let mut bytes = text.into_bytes();
        request.read_until(b';', &mut bytes).expect_err("it is too long");
        request.read_until(b';', &mut bytes)?;
        request.write_all(&bytes)
    });
    let reply = ask(server.local_addr(), b"12345\n\xff\n12345;end;");
    assert_eq!(reply, b"before end;");
}

/// In Python, you can't mix `rfile` and `request`; here you can.
#[test]
fn lines_and_plain_reads_can_be_mixed() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut length = String::new();
        request.read_line(&mut length)?;
        let mut body = vec![0; length.trim().parse().expect("a number")];
        request.read_exact(&mut body)?;
        let peeked = request.fill_buf()?.first().copied();
        request.write_all(&body)?;
        request.write_all(&[peeked.unwrap_or(b'?')])?;
        let rest = std::iter::from_fn(|| request.next_line().transpose());
        let rest = rest.collect::<io::Result<Vec<_>>>()?;
        request.write_all(rest.join("|").as_bytes())
    });
    let reply = half_closed(server.local_addr(), b"5\nbody\nthe rest\nend\n");
    assert_eq!(reply, b"body\ntthe rest|end");
}

/// A client that has closed its half.
fn half_closed(address: std::net::SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut client = connect(address);
    client.write_all(request).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    read_all(client)
}

/// The system tells of a reset once. Here it tells the write, and the next read would find
/// end of file.
#[test]
fn half_a_line_before_a_reset_is_not_the_last_line() {
    let lines = Notes::new();
    let note = lines.clone();
    let (key, gate) = gate();
    let server =
        tcp(options().handle_error(|_, _| {}), move |request: &mut TcpRequest| {
            request.next_line()?;
            request.write_all(b"!")?;
            gate.pass();
            wait_until("a write fails", || request.write_all(b"!").is_err());
            note.add(request.next_line().is_err());
            Ok(())
        });
    let mut client = connect(server.local_addr());
    client.write_all(b"a whole line\nand half").unwrap();
    client.read_exact(&mut [0]).unwrap();
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    drop(key);
    assert_eq!(lines.wait_for(1), [true]);
    stop(server);
}
