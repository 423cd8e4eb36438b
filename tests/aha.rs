//! What surprises about sockets, one test for each surprise, with its name.
//!
//! The notes name these tests. Order is shown by interleaving (this is open, that is
//! answered), never by sleeping; every wait has an end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use course::programs::{DEADLINE, Program, deaf_port, example};

#[path = "aha/lesson_16.rs"]
mod lesson_16;

mod course;

/// A test fails with whatever went wrong.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The server of a lesson, on a free port.
fn server(lesson: &str) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example(lesson));
    Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))
}

/// A connection on which no read or write takes for ever.
fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    bounded(TcpStream::connect_timeout(&addr, DEADLINE)?)
}

/// Bounds the reads and writes of a connection.
fn bounded(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// A connection's two ends.
fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = connect(listener.local_addr()?)?;
    Ok((client, bounded(listener.accept()?.0)?))
}

/// A datagram socket on a free port, on which no wait takes for ever.
fn datagrams() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(DEADLINE))?;
    Ok(socket)
}

/// Says something on a connection and reads as much in return.
fn echoed(stream: &mut TcpStream, message: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(message)?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

// ---- Lesson 01 ------------------------------------------------------------------------

#[test]
fn connect_succeeds_before_accept() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = connect(listener.local_addr()?)?;
    client.write_all(b"early")?; // nobody has called `accept`, and yet: connected, sent

    let mut accepted = bounded(listener.accept()?.0)?;
    client.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    accepted.read_to_string(&mut text)?;
    assert_eq!(text, "early");
    Ok(())
}

// ---- Lesson 02 ------------------------------------------------------------------------

#[test]
fn two_writes_may_be_one_read() -> Outcome {
    let (mut client, server) = connected()?;
    client.write_all(b"Hello, ")?;
    client.write_all(b"world")?;
    client.shutdown(Shutdown::Write)?;
    // Wait until both have arrived: `peek` looks at them and leaves them there.
    let mut data = [0; 64];
    let end = Instant::now() + DEADLINE;
    while server.peek(&mut data)? < 12 && Instant::now() < end {
        thread::yield_now();
    }
    let count = (&server).read(&mut data)?;
    assert_eq!(&data[..count], b"Hello, world");
    Ok(())
}

#[test]
fn one_write_may_be_many_reads() -> Outcome {
    let (mut client, mut server) = connected()?;
    client.write_all(b"Hello, world")?;
    let mut data = [0; 5];
    let mut parts = Vec::new();
    client.shutdown(Shutdown::Write)?;
    loop {
        let count = server.read(&mut data)?;
        if count == 0 {
            break;
        }
        parts.push(data[..count].to_vec());
    }
    assert!(parts.len() >= 3, "{parts:?}");
    assert_eq!(parts.concat(), b"Hello, world");
    Ok(())
}

#[test]
fn a_megabyte_comes_back_whole() -> Outcome {
    let (_server, addr) = server("02_echo")?;
    let message: Vec<u8> =
        (0..1_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 4]).collect();
    comes_back(addr, message)
}

#[test]
fn ten_megabytes_come_back_whole() -> Outcome {
    let (_server, addr) = server("02_echo")?;
    comes_back(addr, vec![0xff; 10_000_000])
}

/// Sends `message` from one thread and reads it back in another.
fn comes_back(addr: SocketAddr, message: Vec<u8>) -> Outcome {
    let stream = connect(addr)?;
    let answer = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut answer = Vec::new();
            (&stream).read_to_end(&mut answer).map(|_| answer)
        });
        (&stream).write_all(&message)?;
        stream.shutdown(Shutdown::Write)?;
        reader.join().map_err(|_| io::Error::other("the reader panicked"))?
    })?;
    assert!(answer == message, "{} bytes came back, or other ones", answer.len());
    Ok(())
}

#[test]
fn a_client_that_only_writes_stops_both_ends() -> Outcome {
    let (_server, addr) = server("02_echo")?;
    let mut stream = connect(addr)?;
    stream.set_write_timeout(Some(Duration::from_millis(300)))?;
    // The server cannot send (we do not read), so it does not read, so we cannot send.
    let error = stream.write_all(&vec![0; 100_000_000]).expect_err("all of it was sent");
    assert!(
        [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
        "{error}"
    );
    // Reading is the cure.
    stream.read_exact(&mut [0; 100_000])?;
    Ok(())
}

#[test]
fn an_odd_client_costs_the_echo_server_nothing() -> Outcome {
    let (mut server, addr) = server("02_echo")?;

    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    for byte in "one byte at a time, h\u{e9}".bytes() {
        assert_eq!(echoed(&mut slowly, &[byte])?, [byte]);
    }
    drop(slowly);

    drop(connect(addr)?); // never a byte

    let mut half = connect(addr)?; // closes its half, then reads
    half.write_all(b"\xff\xfe\x00 not UTF-8")?;
    half.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    half.read_to_end(&mut answer)?;
    assert_eq!(answer, b"\xff\xfe\x00 not UTF-8");

    let mut reset = connect(addr)?;
    assert_eq!(echoed(&mut reset, b"first")?, b"first");
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset

    assert_eq!(echoed(&mut connect(addr)?, b"still here")?, b"still here");
    let end = Instant::now() + DEADLINE;
    let mut printed = Vec::new();
    while !printed.iter().any(|line: &String| line.starts_with("error: ")) {
        printed.push(server.line(end)?.ok_or("the server has ended")?);
    }
    Ok(())
}
