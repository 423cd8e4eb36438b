//! Lesson 02: messages on a stream, which knows none.

use std::io::{self, BufRead, ErrorKind, Read, Write};

// [length]
const LONGEST: usize = 1000; // bytes

fn send(stream: &mut impl Write, message: &[u8]) -> io::Result<()> {
    let length = (message.len() as u32).to_be_bytes(); // four bytes
    stream.write_all(&[&length, message].concat())
}

fn receive(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(ErrorKind::InvalidData.into()); // or a client could fill your memory
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message)?;
    Ok(message)
}
// [/length]

/// The next line with its end; without one, it's the rest, or too long.
fn receive_line(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    stream.take(LONGEST as u64).read_until(b'\n', &mut line)?;
    Ok(line)
}

use std::io::BufReader;
use std::net::Shutdown;
use std::thread;

use super::{Outcome, connected};

/// Sends bytes one by one, or as they are, and ends its half.
fn sent(bytes: &[u8], piece: usize) -> Result<std::net::TcpStream, io::Error> {
    let (mut client, server) = connected()?;
    client.set_nodelay(true)?;
    let bytes = bytes.to_vec();
    thread::spawn(move || -> io::Result<()> {
        for piece in bytes.chunks(piece) {
            client.write_all(piece)?;
        }
        client.shutdown(Shutdown::Write)
    });
    Ok(server)
}

#[test]
fn a_length_makes_messages_however_they_are_cut() -> Outcome {
    let messages = [&b"Hello"[..], b"", b"two\nlines\0", &[0xff; LONGEST]];
    let mut bytes = Vec::new();
    for message in messages {
        send(&mut bytes, message)?;
    }
    for piece in [1, 3, bytes.len()] {
        let mut stream = sent(&bytes, piece)?;
        for message in messages {
            assert_eq!(receive(&mut stream)?, message);
        }
        let end = receive(&mut stream).expect_err("one more message");
        assert_eq!(end.kind(), ErrorKind::UnexpectedEof);
    }
    let mut stream = sent(&4_000_000_000_u32.to_be_bytes(), 4)?;
    let error = receive(&mut stream).expect_err("four gigabytes");
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    Ok(())
}

#[test]
fn a_line_end_makes_messages_however_they_are_cut() -> Outcome {
    for piece in [1, 3, 100] {
        let mut stream = BufReader::new(sent(b"Hello\n\nwith no end", piece)?);
        for line in ["Hello\n", "\n", "with no end", ""] {
            assert_eq!(receive_line(&mut stream)?, line.as_bytes());
        }
    }
    let mut stream = BufReader::new(sent(&b"x".repeat(5000), 5000)?);
    assert_eq!(receive_line(&mut stream)?.len(), LONGEST); // no end in it: too long
    Ok(())
}
