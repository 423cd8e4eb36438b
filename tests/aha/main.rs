//! What is surprising about sockets: a test for each surprise, named after it.
//!
//! The notes name these tests. They show order by interleaving (A is open, B gets a
//! reply), never by sleeping, and every wait has a limit.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use course::programs::{DEADLINE, Program, closed_port, example, python};

#[path = "../course/mod.rs"]
mod course;
mod errors;
mod framing;
mod lesson_04;
mod lesson_05;
mod lesson_06;
mod lesson_07;
mod lesson_08;
mod lesson_09;
mod lesson_10;
mod lesson_11;
mod lesson_12;
mod lesson_13;
mod lesson_16;
mod lesson_17;
mod lesson_18;
mod lesson_23;
#[allow(dead_code, reason = "a whole program, which no test runs as one")]
mod limits;
#[cfg(target_os = "linux")] // it looks into /proc
mod off_the_path;
mod socket_api;

/// What the tested files of the examples use.
#[path = "../../examples/support"]
mod support {
    pub(crate) mod text;
}

/// A test fails with the error that occurred.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The server of a lesson, on a free port.
fn server(lesson: &str) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example(lesson));
    Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))
}

/// A connection on which no read or write can take forever.
fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    bounded(TcpStream::connect_timeout(&addr, DEADLINE)?)
}

/// Limits the reads and writes of a connection.
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

/// A datagram socket on a free port, on which no wait can take forever.
fn datagrams() -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(DEADLINE))?;
    Ok(socket)
}

/// Sends something on a connection and reads the same number of bytes.
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
    client.write_all(b"early")?; // connected and sent, although the server hasn't called `accept`

    let mut accepted = bounded(listener.accept()?.0)?;
    client.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    accepted.read_to_string(&mut text)?;
    assert_eq!(text, "early");
    Ok(())
}

#[cfg(target_os = "linux")] // other systems treat a full queue differently
#[test]
fn a_full_queue_makes_connect_wait() -> Outcome {
    let addr = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    listener.bind(&addr.into())?;
    listener.listen(1)?;
    let addr = listener.local_addr()?.as_socket().ok_or("no address")?;

    let brief = Duration::from_millis(200);
    let mut queued = Vec::new();
    let error = loop {
        match TcpStream::connect_timeout(&addr, brief) {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
        assert!(queued.len() < 10, "the queue has no end");
    };
    assert_eq!(error.kind(), ErrorKind::TimedOut); // it waited, so it wasn't refused

    // A client that is being served has left the queue, so there is space again, each
    // time.
    let mut served = Vec::new();
    for _ in 0..10 {
        served.push(listener.accept()?);
        queued.push(connect(addr)?);
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn rust_sets_reuse_address_by_itself() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    assert!(socket2::SockRef::from(&listener).reuse_address()?);
    Ok(())
}

#[test]
fn the_server_s_close_is_the_client_s_end_of_file() -> Outcome {
    let (client, server) = connected()?;
    (&server).write_all(b"last words")?;
    drop(server);
    let mut text = String::new();
    (&client).read_to_string(&mut text)?; // ends, because end of file comes
    assert_eq!(text, "last words");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_greeting_server() -> Outcome {
    let (_server, addr) = server("01_greeting")?;
    drop(connect(addr)?); // doesn't wait for the greeting

    let mut talks = connect(addr)?; // sends 10 MB that the server doesn't read
    let _ = talks.write_all(&vec![b'x'; 10_000_000]); // fails in the middle

    let reset = connect(addr)?;
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset

    let mut greeting = String::new();
    connect(addr)?.read_to_string(&mut greeting)?;
    assert_eq!(greeting, "Thank you for connecting");
    Ok(())
}

// ---- Lesson 02 ------------------------------------------------------------------------

#[test]
fn two_writes_may_be_one_read() -> Outcome {
    let (mut client, server) = connected()?;
    client.write_all(b"Hello, ")?;
    client.write_all(b"world")?;
    client.shutdown(Shutdown::Write)?;
    // Wait until both have arrived. `peek` leaves the bytes in the socket.
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
    assert!(answer == message, "{} bytes came back, or the wrong ones", answer.len());
    Ok(())
}

#[test]
fn a_client_that_only_writes_stops_both_ends() -> Outcome {
    let (_server, addr) = server("02_echo")?;
    let mut stream = connect(addr)?;
    stream.set_write_timeout(Some(Duration::from_millis(300)))?;
    // We don't read, so the server can't send. So it doesn't read, and we can't send.
    let error = stream.write_all(&vec![0; 100_000_000]).expect_err("all of it was sent");
    assert!(
        [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
        "{error}"
    );
    // Reading is what helps.
    stream.read_exact(&mut [0; 100_000])?;
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_echo_server() -> Outcome {
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

// ---- Lesson 03 ------------------------------------------------------------------------

#[test]
fn datagrams_keep_their_edges() -> Outcome {
    let (sender, receiver) = (datagrams()?, datagrams()?);
    let to = receiver.local_addr()?;
    sender.send_to(b"Hello, ", to)?;
    sender.send_to(b"world", to)?;
    let mut data = [0; 64];
    assert_eq!(receiver.recv_from(&mut data)?.0, 7);
    assert_eq!(receiver.recv_from(&mut data)?.0, 5);
    Ok(())
}

#[test]
fn an_empty_datagram_is_a_datagram() -> Outcome {
    let (_server, addr) = server("03_udp")?;
    let client = datagrams()?;
    let mut data = [0; 64];
    for message in ["", "still here"] {
        client.send_to(message.as_bytes(), addr)?;
        let (count, from) = client.recv_from(&mut data)?;
        assert_eq!((&data[..count], from), (format!("OK...{message}").as_bytes(), addr));
    }
    Ok(())
}

#[cfg(not(windows))] // there, this is an error
#[test]
fn a_datagram_larger_than_the_buffer_is_truncated() -> Outcome {
    let (sender, receiver) = (datagrams()?, datagrams()?);
    let to = receiver.local_addr()?;
    sender.send_to(b"Hello", to)?;
    sender.send_to(b"next", to)?;
    let mut data = [0; 4];
    assert_eq!(receiver.recv_from(&mut data)?.0, 4);
    assert_eq!(&data, b"Hell");
    assert_eq!(receiver.recv_from(&mut data)?.0, 4);
    assert_eq!(&data, b"next"); // the `o` is lost
    Ok(())
}

#[test]
fn sending_to_nobody_succeeds() -> Outcome {
    let (_closed, nobody) = closed_port()?;
    let unconnected = datagrams()?;
    assert_eq!(unconnected.send_to(b"hello?", nobody)?, 6);

    let connected = datagrams()?;
    connected.connect(nobody)?;
    assert_eq!(connected.send(b"hello?")?, 6);
    // Later, the connected socket gets an error (on this machine). The other one might
    // not.
    let error = connected.recv(&mut [0; 64]).expect_err("an answer from nobody");
    let kinds = [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
    Ok(())
}

#[test]
fn a_sender_that_does_not_wait_loses_datagrams() -> Outcome {
    const COUNT: usize = 2000;
    let (sender, receiver) = (datagrams()?, datagrams()?);
    socket2::SockRef::from(&receiver).set_recv_buffer_size(64 * 1024)?;
    let to = receiver.local_addr()?;
    for _ in 0..COUNT {
        sender.send_to(&[0; 1000], to)?; // 2 MB for a buffer of 64 KiB: no error
    }
    receiver.set_nonblocking(true)?;
    let mut arrived = 0;
    while receiver.recv_from(&mut [0; 1000]).is_ok() {
        arrived += 1;
    }
    assert!(arrived > 0 && arrived < COUNT, "{arrived} of {COUNT} arrived");
    Ok(())
}

#[test]
fn an_odd_datagram_does_not_disturb_the_udp_server() -> Outcome {
    let (mut server, addr) = server("03_udp")?;
    let client = datagrams()?;
    client.send_to(&[b'x'; 65_507], addr)?; // as long as possible, so the reply would be too long
    client.send_to(b"\xff\xfe", addr)?;
    let mut data = [0; 64];
    let (count, _) = client.recv_from(&mut data)?;
    assert_eq!(&data[..count], b"OK...\xff\xfe");
    let end = Instant::now() + DEADLINE;
    let mut printed = Vec::new();
    while !printed.iter().any(|line: &String| line.starts_with("error: ")) {
        printed.push(server.line(end)?.ok_or("the server has ended")?);
    }
    drop(client); // and a client that doesn't wait for its reply
    datagrams()?.send_to(b"gone", addr)?;
    let again = datagrams()?;
    again.send_to(b"again", addr)?;
    assert_eq!(again.recv_from(&mut data)?.0, 10);
    Ok(())
}

// ---- Lesson 14 ------------------------------------------------------------------------

mod lesson_14;

// ---- Lesson 15 ------------------------------------------------------------------------

mod lesson_15;
