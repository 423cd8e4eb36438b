//! Lesson 05: how a connection ends.

use std::io::Result as IoResult;
use std::net::ToSocketAddrs;

use socket2::{Domain, SockRef, Socket, Type};

use super::*;

/// Waits until `count` bytes have arrived, and leaves them there.
fn arrived(stream: &TcpStream, count: usize) -> IoResult<()> {
    let end = Instant::now() + DEADLINE;
    let mut data = vec![0; count];
    while stream.peek(&mut data)? < count && Instant::now() < end {
        thread::yield_now();
    }
    Ok(())
}

/// What the lesson's server replies to a message and the end of file after it.
fn counted(addr: impl ToSocketAddrs, message: &[u8]) -> IoResult<String> {
    let mut stream = bounded(TcpStream::connect(addr)?)?;
    stream.write_all(message)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A socket bound to `addr`, as C and Python make it: without std's options.
fn bind(addr: SocketAddr, reuse: bool) -> IoResult<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(reuse)?;
    socket.bind(&addr.into())?;
    socket.listen(1)?;
    Ok(socket)
}

#[test]
fn after_a_half_close_the_reply_still_comes() -> Outcome {
    let (mut client, mut server) = connected()?;
    client.write_all(b"question")?;
    client.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    server.read_to_string(&mut text)?; // ends, because the client's half is closed
    assert_eq!(text, "question");
    server.write_all(b"answer")?;
    drop(server);
    text.clear();
    client.read_to_string(&mut text)?;
    assert_eq!(text, "answer");
    Ok(())
}

#[test]
fn unread_bytes_at_close_become_a_reset() -> Outcome {
    let (mut client, mut server) = connected()?;
    client.write_all(b"Hello, world")?;
    arrived(&server, 12)?;
    server.read_exact(&mut [0; 5])?;
    server.write_all(b"answer")?; // sent before the close, and yet:
    drop(server);
    let error = client.read_to_end(&mut Vec::new()).expect_err("a normal end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn a_server_that_reads_to_the_end_before_closing_sends_no_reset() -> Outcome {
    let (mut client, mut server) = connected()?;
    client.write_all(b"Hello, world")?;
    server.read_exact(&mut [0; 5])?;
    server.write_all(b"answer")?;
    server.shutdown(Shutdown::Write)?; // that was the whole reply
    let mut answer = String::new();
    client.read_to_string(&mut answer)?;
    drop(client);
    let rest = io::copy(&mut server, &mut io::sink())?; // and nobody needed this
    assert_eq!((answer.as_str(), rest), ("answer", 7));
    Ok(())
}

#[test]
fn linger_zero_makes_a_drop_a_reset() -> Outcome {
    let (client, mut server) = connected()?;
    SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
    drop(client);
    let error = server.read(&mut [0; 5]).expect_err("a normal end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    Ok(())
}

#[test]
fn a_connection_closes_when_its_last_handle_is_dropped() -> Outcome {
    let (mut client, server) = connected()?;
    let mut other = server.try_clone()?;
    drop(server);
    other.write_all(b"open")?;
    let mut data = [0; 4];
    client.read_exact(&mut data)?;
    assert_eq!(&data, b"open");
    drop(other);
    assert_eq!(client.read(&mut data)?, 0); // now it is closed
    Ok(())
}

#[test]
fn a_shutdown_reaches_every_handle() -> Outcome {
    let (mut client, server) = connected()?;
    let other = server.try_clone()?;
    server.shutdown(Shutdown::Write)?;
    assert_eq!(client.read(&mut [0; 4])?, 0);
    (&other).write_all(b"more").expect_err("the half is closed for both");
    Ok(())
}

#[test]
fn the_first_write_to_a_closed_connection_succeeds() -> Outcome {
    let (mut client, server) = connected()?;
    drop(server);
    assert_eq!(client.read(&mut [0; 4])?, 0); // the end has arrived
    client.write_all(b"anybody there?")?; // and this still succeeds
    let end = Instant::now() + DEADLINE;
    let error = loop {
        assert!(Instant::now() < end, "no write fails");
        if let Err(error) = client.write_all(b"?") {
            break error;
        }
    };
    let kinds = [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
    ];
    assert!(kinds.contains(&error.kind()), "{error}");
    Ok(())
}

#[test]
fn a_timeout_has_two_names() -> Outcome {
    let (mut client, _server) = connected()?;
    client.set_read_timeout(Some(Duration::from_millis(20)))?;
    let error = client.read(&mut [0; 4]).expect_err("nobody has sent");
    let kind = if cfg!(windows) { ErrorKind::TimedOut } else { ErrorKind::WouldBlock };
    assert_eq!(error.kind(), kind);
    // "No time at all" is not a timeout; `None` is "forever".
    let error = client.set_read_timeout(Some(Duration::ZERO)).expect_err("accepted");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    client.set_read_timeout(None)?;
    assert_eq!(client.read_timeout()?, None);
    Ok(())
}

#[test]
fn each_read_has_the_full_timeout() -> Outcome {
    const WAIT: Duration = Duration::from_millis(1000);
    let (mut client, mut server) = connected()?;
    server.set_read_timeout(Some(WAIT))?;
    server.set_nodelay(true)?;
    // Bytes come and go for longer than that, and no read times out.
    let begin = Instant::now();
    while begin.elapsed() < WAIT * 3 / 2 {
        client.write_all(b".")?;
        server.read_exact(&mut [0])?;
        server.write_all(b".")?;
        client.read_exact(&mut [0])?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn linux_gives_twice_the_buffer() -> Outcome {
    let (client, _server) = connected()?;
    let socket = SockRef::from(&client);
    socket.set_recv_buffer_size(10_000)?;
    socket.set_send_buffer_size(10_000)?;
    assert_eq!(socket.recv_buffer_size()?, 20_000);
    assert_eq!(socket.send_buffer_size()?, 20_000);
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn reuse_address_takes_a_port_back_from_ended_connections() -> Outcome {
    for _ in 0..5 {
        let listener = bind(([127, 0, 0, 1], 0).into(), true)?;
        let addr = listener.local_addr()?.as_socket().ok_or("no address")?;
        let mut client = connect(addr)?;
        let (server, _) = listener.accept()?;
        drop(listener);
        let taken = |socket: IoResult<Socket>| {
            assert_eq!(
                socket.map(drop).expect_err("bound").kind(),
                ErrorKind::AddrInUse
            );
        };
        taken(bind(addr, false)); // its connection is still open

        drop(server); // the server closes first, so the system must remember its end
        assert_eq!(client.read(&mut [0; 4])?, 0);
        drop(client);
        match bind(addr, false) {
            Err(error) => taken(Err(error)),
            // A system that remembers too many connections has forgotten this one.
            Ok(socket) => drop(socket),
        }
        // std sets the option for every listener. (Another program might take the port first.)
        if let Ok(again) = TcpListener::bind(addr) {
            assert!(SockRef::from(&again).reuse_address()?);
            return Ok(());
        }
    }
    Err("the port was never free".into())
}

#[cfg(target_os = "linux")]
#[test]
fn reuse_address_does_not_let_two_servers_listen() -> Outcome {
    let first = bind(([127, 0, 0, 1], 0).into(), true)?;
    let addr = first.local_addr()?.as_socket().ok_or("no address")?;
    let error = bind(addr, true).map(drop).expect_err("two listeners");
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    Ok(())
}

#[test]
fn a_client_that_keeps_its_half_open_gets_no_reply() -> Outcome {
    let (mut server, addr) = server("05_closing")?;
    let args = ["client", "--keep-open", "--addr", &addr.to_string(), "12345"];
    let mut client = Program::example("05_closing", &args)?;
    let end = Instant::now() + DEADLINE;
    assert_eq!(client.status(end)?.code(), Some(2));
    let printed = client.rest(end)?.join("\n");
    assert!(printed.contains("did not answer in time"), "{printed}");
    // The client left, and that is the end of file that the server waited for.
    server.line(end)?; // how to start a client
    let line = server.line(end)?.ok_or("the server has ended")?;
    assert!(line.ends_with("sent 5 bytes, then end of file"), "{line}");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_closing_server() -> Outcome {
    let (mut server, addr) = server("05_closing")?;
    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    for byte in b"one at a time" {
        slowly.write_all(&[*byte])?;
    }
    slowly.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    slowly.read_to_string(&mut answer)?;
    assert_eq!(answer, "13 bytes");

    drop(connect(addr)?); // never a byte
    assert_eq!(counted(addr, b"")?, "0 bytes");
    assert_eq!(counted(addr, b"\xff\xfe\x00 not UTF-8")?, "13 bytes");
    assert_eq!(counted(addr, &vec![b'x'; 10_000_000])?, "10000000 bytes");

    let mut hasty = connect(addr)?; // does not wait for its reply
    hasty.write_all(b"and away")?;
    drop(hasty);

    let mut reset = connect(addr)?;
    reset.write_all(b"in the middle")?;
    SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset

    assert_eq!(counted(addr, b"still here")?, "10 bytes");
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("the server has ended")?.starts_with("error: ") {}
    Ok(())
}

#[test]
fn a_client_that_never_finishes_delays_the_server_for_five_seconds() -> Outcome {
    let (mut server, addr) = server("05_closing")?;
    let mut silent = connect(addr)?;
    silent.write_all(b"and then?")?;
    assert_eq!(counted(addr, b"patient")?, "7 bytes"); // served after the silent one
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("the server has ended")?.starts_with("error: ") {}
    assert_eq!(silent.read(&mut [0; 4])?, 0); // closed, without a reply
    Ok(())
}

/// How long it takes to send one byte, then another one, and to get a reply: the median
/// of many tries.
#[cfg(target_os = "linux")]
fn two_small_writes(nodelay: bool) -> IoResult<Duration> {
    let (mut client, mut server) = connected()?;
    client.set_nodelay(nodelay)?;
    let answering = thread::spawn(move || -> IoResult<()> {
        server.set_nodelay(true)?;
        while server.read_exact(&mut [0; 2]).is_ok() {
            server.write_all(b"k")?;
        }
        Ok(())
    });
    let mut times = Vec::new();
    for _ in 0..21 {
        let begin = Instant::now();
        client.write_all(b"a")?;
        client.write_all(b"b")?;
        client.read_exact(&mut [0])?;
        times.push(begin.elapsed());
    }
    drop(client);
    answering.join().map_err(|_| ErrorKind::Other)??;
    times.sort();
    Ok(times[times.len() / 2])
}

#[cfg(target_os = "linux")] // other systems wait longer or shorter
#[test]
fn two_small_writes_cost_forty_milliseconds() -> Outcome {
    let (waits, goes) = (two_small_writes(false)?, two_small_writes(true)?);
    assert!(waits >= Duration::from_millis(35), "{waits:?}");
    assert!(goes < waits / 2, "{goes:?}, and with a wait {waits:?}");
    Ok(())
}
