//! Lesson 06: a server for one client at a time.

use socket2::SockRef;

use super::*;

/// The lesson's server, on a free port, with a timeout in milliseconds (0: none).
fn server_with(timeout: u64) -> Result<(Program, SocketAddr), String> {
    let mut command = Command::new(example("06_one_at_a_time"));
    let timeout = timeout.to_string();
    let args = ["serve", "--addr", "127.0.0.1:0", "--timeout", &timeout];
    Program::server(command.args(args))
}

/// Checks that nothing has come on a connection.
fn is_unanswered(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let error = stream.peek(&mut [0]).expect_err("answered, or closed");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    stream.set_nonblocking(false)
}

#[test]
fn one_silent_client_stops_everybody() -> Outcome {
    let (_server, addr) = server_with(0)?;
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"Hello")?, b"Hello");
    // Connecting succeeds for these: they are in the listener's queue.
    let mut others = [connect(addr)?, connect(addr)?, connect(addr)?];
    for other in &mut others {
        other.write_all(b"Hello?")?;
    }
    // The first one is served whenever it likes; the others not at all.
    for _ in 0..100 {
        assert_eq!(echoed(&mut first, b"I am here")?, b"I am here");
        others.iter().try_for_each(is_unanswered)?;
    }
    drop(first);
    for mut other in others {
        let mut answer = [0; 6];
        other.read_exact(&mut answer)?; // one after the other, as each one leaves
        assert_eq!(&answer, b"Hello?");
    }
    Ok(())
}

#[test]
fn a_read_timeout_frees_the_server() -> Outcome {
    let (mut server, addr) = server_with(500)?;
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"Hello")?, b"Hello");
    assert_eq!(echoed(&mut connect(addr)?, b"me too")?, b"me too");
    assert_eq!(first.read(&mut [0; 5])?, 0); // cut off
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("it has ended")?.contains("is cut off: ") {}
    Ok(())
}

#[test]
fn silent_clients_cost_one_timeout_each() -> Outcome {
    let (_server, addr) = server_with(200)?;
    let begin = Instant::now();
    let _silent = [connect(addr)?, connect(addr)?, connect(addr)?, connect(addr)?];
    assert_eq!(echoed(&mut connect(addr)?, b"at last")?, b"at last");
    assert!(begin.elapsed() >= Duration::from_millis(800), "{:?}", begin.elapsed());
    Ok(())
}

#[test]
fn a_client_that_trickles_defeats_a_read_timeout() -> Outcome {
    const TIMEOUT: u64 = 1500;
    let (_server, addr) = server_with(TIMEOUT)?;
    let mut trickler = connect(addr)?;
    trickler.set_nodelay(true)?;
    assert_eq!(echoed(&mut trickler, b".")?, b".");
    let mut waits = connect(addr)?;
    waits.write_all(b"Hello?")?;
    // One byte at a time, for longer than the timeout.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(TIMEOUT * 5 / 4) {
        assert_eq!(echoed(&mut trickler, b".")?, b".");
        is_unanswered(&waits)?;
    }
    drop(trickler);
    waits.read_exact(&mut [0; 6])?;
    Ok(())
}

#[test]
fn a_client_that_thinks_for_long_is_cut_off() -> Outcome {
    let (mut server, addr) = server_with(100)?;
    let mut thinker = connect(addr)?;
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("it has ended")?.contains("is cut off: ") {}
    // Now the thinker speaks, but too late.
    let answer = echoed(&mut thinker, b"what I wanted to say is this");
    assert!(answer.is_err(), "{answer:?}");
    Ok(())
}

#[test]
fn a_client_that_does_not_read_is_cut_off_too() -> Outcome {
    let (_server, addr) = server_with(500)?;
    let mut stalled = connect(addr)?;
    // The server can't send any more, so it waits in a write, not in a read.
    stalled.write_all(&vec![b'x'; 100_000_000]).expect_err("all was taken");
    assert_eq!(echoed(&mut connect(addr)?, b"next")?, b"next");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_next_one() -> Outcome {
    let (_server, addr) = server_with(0)?;
    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    for byte in "one byte at a time, h\u{e9}".bytes() {
        assert_eq!(echoed(&mut slowly, &[byte])?, [byte]);
    }
    drop(slowly);
    drop(connect(addr)?); // never a byte
    comes_back(addr, vec![0xff; 10_000_000])?;

    let mut half = connect(addr)?; // closes its half, then reads
    half.write_all(b"\xff\xfe\x00 not UTF-8")?;
    half.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    half.read_to_end(&mut answer)?;
    assert_eq!(answer, b"\xff\xfe\x00 not UTF-8");

    let mut reset = connect(addr)?;
    assert_eq!(echoed(&mut reset, b"first")?, b"first");
    SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset); // closed with a reset

    let many: Vec<TcpStream> =
        (0..100).map(|_| connect(addr)).collect::<io::Result<_>>()?;
    for mut client in many {
        assert_eq!(echoed(&mut client, b"in turn")?, b"in turn");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_server_that_waits_for_a_silent_client() -> Outcome {
    let (mut server, addr) = server_with(0)?;
    let mut silent = connect(addr)?;
    assert_eq!(echoed(&mut silent, b"Hello")?, b"Hello");
    server.interrupt()?;
    server.status(Instant::now() + DEADLINE)?;
    assert_eq!(silent.read(&mut [0; 5])?, 0); // the system closes what it had open
    Ok(())
}

#[test]
fn a_client_that_gave_up_is_served_all_the_same() -> Outcome {
    let (mut server, addr) = server_with(0)?;
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"Hello")?, b"Hello");
    let mut second = connect(addr)?;
    second.write_all(b"Anybody?")?;
    let second_address = second.local_addr()?;
    is_unanswered(&second)?;
    drop(second); // it gave up
    drop(first);
    let end = Instant::now() + DEADLINE;
    let served = format!("{second_address} connected");
    while server.line(end)?.ok_or("it has ended")? != served {}
    assert_eq!(echoed(&mut connect(addr)?, b"and me?")?, b"and me?");
    Ok(())
}
