//! Which lines are accepted, and what comes after a bad one: the next line, whichever
//! method asks for it, and however the bytes arrived.

use std::io::{self, BufRead, Read, Write};

use socketserver::{LineError, TcpRequest};

use crate::support::{connect, gate, options, read_all, tcp};

/// The longest line of these tests.
const MAX: usize = 5;

/// What `next_line` returns for everything that is sent, one result on each line.
fn next_lines(sent: &[u8]) -> String {
    let server = tcp(options().max_line(MAX), |request: &mut TcpRequest| {
        loop {
            match request.next_line() {
                Ok(Some(line)) => writeln!(request, "{line:?}")?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let wrong = LineError::of(&error).copied();
                    writeln!(request, "{:?}", wrong.ok_or(error)?)?;
                }
            }
        }
    });
    let mut client = connect(server.local_addr());
    client.write_all(sent).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    String::from_utf8(read_all(client)).unwrap()
}

#[test]
fn neither_end_of_a_line_counts() {
    const TOO_LONG: &str = "TooLong { limit: 5 }\n";
    assert_eq!(next_lines(b"12345\n12345\r\n12345"), "\"12345\"\n".repeat(3));
    assert_eq!(next_lines(b"123456\n123456\r\n123456"), TOO_LONG.repeat(3));
    assert_eq!(next_lines(b"12345\r"), "\"12345\\r\"\n", "it isn't an end yet");
    assert_eq!(next_lines(b"12345\rx\n1\n"), format!("{TOO_LONG}\"1\"\n"));
    assert_eq!(next_lines(b"12345\r\r\n1\n"), format!("{TOO_LONG}\"1\"\n"));
    assert_eq!(next_lines(b"\r\n\n"), "\"\"\n\"\"\n");
}

/// How a handler can go on. Each reads `next` from the connection.
type GoOn = fn(&mut TcpRequest) -> io::Result<Vec<u8>>;

fn exactly(request: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    request.read_exact(&mut bytes)?;
    Ok(bytes)
}

const WAYS: [(&str, GoOn); 8] = [
    ("next_line", |request| Ok(request.next_line()?.unwrap_or_default().into_bytes())),
    ("read_line", |request| {
        let mut line = String::new();
        request.read_line(&mut line)?;
        Ok(line.trim_end().as_bytes().to_vec())
    }),
    ("read_until with another end", |request| {
        let mut line = Vec::new();
        request.read_until(b';', &mut line)?;
        Ok(line[..4].to_vec())
    }),
    ("read_exact", |request| exactly(request)),
    ("read", |request| {
        let mut bytes = vec![0; 4];
        let mut count = 0;
        while count < 4 {
            match request.read(&mut bytes[count..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => count += more,
            }
        }
        Ok(bytes)
    }),
    ("read through a reference", |request| exactly(&mut Read::by_ref(request))),
    ("fill_buf", |request| {
        let mut bytes = Vec::new();
        while bytes.len() < 4 {
            let waiting = request.fill_buf()?;
            if waiting.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes.push(waiting[0]);
            request.consume(1);
        }
        Ok(bytes)
    }),
    ("BufRead::lines", |request| {
        let line = BufRead::lines(request).next().transpose()?;
        Ok(line.unwrap_or_default().into_bytes())
    }),
];

/// The bytes after a bad line, which comes in one piece or in two.
fn after(bad: [&'static [u8]; 2], in_one_piece: bool, go_on: GoOn) -> Vec<u8> {
    let (key, gate) = gate();
    let server = tcp(options().max_line(MAX), move |request: &mut TcpRequest| {
        request.next_line().expect_err("it is a bad line");
        request.write_all(b"!")?;
        gate.pass();
        let next = go_on(request)?;
        request.write_all(&next)
    });
    let mut client = connect(server.local_addr());
    let (first, rest) = (bad[0], [bad[1], b"next\n;"].concat());
    if in_one_piece {
        client.write_all(&[first, &rest].concat()).unwrap();
        client.read_exact(&mut [0]).unwrap();
    } else {
        client.write_all(first).unwrap();
        client.read_exact(&mut [0]).unwrap(); // the error has been seen
        client.write_all(&rest).unwrap();
    }
    drop(key);
    read_all(client)
}

#[test]
fn after_a_line_that_is_too_long_any_method_gives_the_next() {
    for (way, go_on) in WAYS {
        assert_eq!(after([b"123456789", b"0\n"], true, go_on), b"next", "{way}");
        assert_eq!(after([b"123456789", b"0\n"], false, go_on), b"next", "{way}, cut");
        assert_eq!(
            after([b"123456", b"\n"], false, go_on),
            b"next",
            "{way}, at its end"
        );
    }
}

#[test]
fn after_a_line_that_is_not_text_any_method_returns_the_next() {
    for (way, go_on) in WAYS {
        assert_eq!(after([b"\xff\n", b""], true, go_on), b"next", "{way}");
        assert_eq!(after([b"\xff\n", b""], false, go_on), b"next", "{way}, cut");
    }
}
