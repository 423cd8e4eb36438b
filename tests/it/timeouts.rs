//! Limits that a handler changes during a connection, and what is reported when the time
//! is up. (The limits that a builder sets are in `limits`.)

use std::io::{self, ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::{Outcome, RequestHandler, Stats, TcpRequest, UdpRequest};

use crate::support::{
    Client, IS_PLAIN, Notes, PATIENCE, connect, connect_to_trouble, connect_udp,
    noting_errors, options, read_all, stop, tcp, udp, wait_until,
};

const SHORT: Duration = Duration::from_millis(50);

/// Far more than the system buffers for one connection.
const LARGE: usize = 32 * 1024 * 1024;

/// Serves one client, which does this. Returns how that is counted, and which errors
/// were reported.
fn serve(
    handler: impl RequestHandler<TcpRequest>,
    client: impl FnOnce(Client),
) -> (Stats, Vec<String>) {
    let (options, errors) = noting_errors(options());
    let server = tcp(options, handler);
    client(connect_to_trouble(server.local_addr()).0);
    wait_until("it has been served", || {
        server.stats().accepted == 1 && server.stats().active == 0
    });
    (stop(server), errors.all())
}

#[track_caller]
fn assert_timed_out((stats, errors): (Stats, Vec<String>)) {
    assert_eq!(stats.timed_out, 1, "{stats}");
    assert!(errors.is_empty(), "reported: {errors:?}");
}

/// Does nothing until the server ends the connection.
fn wait_for_the_end(mut client: Client) {
    let _ = client.read_to_end(&mut Vec::new()); // an end or a reset
}

/// Sends a byte every 10 ms, and never the end of a line.
fn drip(mut client: Client) {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until && client.write_all(b"x").is_ok() {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(Instant::now() < until, "it may go on forever");
}

#[test]
fn a_handler_sets_its_read_timeout() {
    assert_timed_out(serve(
        |request: &mut TcpRequest| {
            request.set_read_timeout(SHORT);
            request.next_line().map(drop)
        },
        wait_for_the_end,
    ));
}

/// The read returns what has arrived already.
#[test]
fn a_read_timeout_of_zero_does_not_wait() {
    let (stats, errors) = serve(
        |request: &mut TcpRequest| {
            let mut bytes = [0; 100];
            request.read_exact(&mut bytes[..1])?;
            request.set_read_timeout(Duration::ZERO);
            let until = Instant::now() + PATIENCE;
            while request.read(&mut bytes).is_err() {
                assert!(Instant::now() < until, "nothing comes");
            }
            let error = request.read(&mut bytes).expect_err("there is nothing more");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            request.write_all(b"bye")
        },
        |mut client| {
            client.write_all(b"1").unwrap();
            thread::sleep(SHORT);
            client.write_all(b"2").unwrap();
            wait_for_the_end(client);
        },
    );
    assert_eq!(stats.finished, 1, "{stats}: {errors:?}");
}

/// Long for the first line, short for the next.
#[test]
fn a_read_timeout_can_change() {
    assert_timed_out(serve(
        |request: &mut TcpRequest| {
            request.set_read_timeout(SHORT);
            request.set_read_timeout(None);
            assert_eq!(request.next_line()?.as_deref(), Some("first"));
            request.set_read_timeout(SHORT);
            request.next_line().map(drop)
        },
        |mut client| {
            thread::sleep(4 * SHORT);
            client.write_all(b"first\n").unwrap();
            wait_for_the_end(client);
        },
    ));
}

#[test]
fn a_handler_sets_its_write_timeout() {
    assert_timed_out(serve(
        |request: &mut TcpRequest| {
            request.set_write_timeout(SHORT);
            request.write_all(&vec![0; LARGE])
        },
        |client| {
            // It doesn't read until it has been disconnected.
            thread::sleep(10 * SHORT);
            wait_for_the_end(client);
        },
    ));
}

/// However slowly the bytes arrive.
#[test]
fn a_deadline_is_for_all_that_comes_next() {
    assert_timed_out(serve(
        |request: &mut TcpRequest| {
            request.set_deadline(4 * SHORT);
            request.next_line().map(drop)
        },
        drip,
    ));
    assert_timed_out(serve(
        |request: &mut TcpRequest| {
            request.set_deadline(4 * SHORT);
            loop {
                request.write_all(&[0; 4096])?; // whom nobody reads
            }
        },
        |client| {
            thread::sleep(20 * SHORT);
            wait_for_the_end(client);
        },
    ));
}

#[test]
fn a_deadline_can_be_lifted_and_set_again() {
    let (stats, errors) = serve(
        |request: &mut TcpRequest| {
            for _ in 0..3 {
                request.set_deadline(PATIENCE);
                request.set_deadline(SHORT);
                request.set_deadline(None);
                thread::sleep(2 * SHORT);
                let line = request.next_line()?.expect("a line");
                request.set_deadline(PATIENCE);
                writeln!(request, "{line}")?;
            }
            Ok(())
        },
        |mut client| {
            client.write_all(b"1\n2\n3\n").unwrap();
            let mut lines = String::new();
            client.read_to_string(&mut lines).unwrap();
            assert_eq!(lines, "1\n2\n3\n");
        },
    );
    assert_eq!(stats.finished, 1, "{stats}: {errors:?}");
}

/// A handler can go on after it.
#[test]
fn after_a_timeout_the_conversation_can_go_on() {
    let (stats, errors) = serve(
        |request: &mut TcpRequest| {
            request.set_read_timeout(SHORT);
            let error = request.next_line().expect_err("nothing comes");
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            request.set_read_timeout(PATIENCE);
            request.write_all(b"Are you still there?\n")?;
            let line = request.next_line()?.expect("an answer");
            writeln!(request, "{line}")
        },
        |mut client| {
            client.write_all(b"y").unwrap(); // half a line, which isn't lost
            let mut question = [0; 21];
            client.read_exact(&mut question).unwrap();
            client.write_all(b"es\n").unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "yes\n");
        },
    );
    assert_eq!(stats.finished, 1, "{stats}: {errors:?}");
}

/// The handler has ended long ago, and the system has taken all of its reply. A client
/// that reads a little now and then has no more time than its session.
#[test]
fn a_session_is_over_though_the_client_still_reads_the_reply() {
    let options = options()
        .session_timeout(Duration::from_millis(500))
        .send_buffer(4 << 20)
        .write_timeout(PATIENCE);
    let server =
        tcp(options, |request: &mut TcpRequest| request.write_all(&vec![0; 4 << 20]));
    let client = connect(server.local_addr());
    let mut copy = client.try_clone().unwrap();
    let reader = thread::spawn(move || {
        let mut piece = vec![0; 20_000];
        while copy.read_exact(&mut piece).is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let begin = Instant::now();
    wait_until("it has been disconnected", || {
        server.stats().accepted == 1 && server.stats().active == 0
    });
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    let stats = stop(server);
    assert_eq!((stats.timed_out, stats.finished), (1, 0), "{stats}");
    reader.join().unwrap();
}

/// It isn't the client's fault that something else took too long.
#[test]
fn a_handlers_own_timeout_is_a_failure() {
    let (stats, errors) = serve(
        |_: &mut TcpRequest| Err(io::Error::new(ErrorKind::TimedOut, "the database")),
        wait_for_the_end,
    );
    assert_eq!((stats.failed, stats.timed_out), (1, 0));
    assert_eq!(errors, ["the database"]);
    // One of the system's own, about a socket that isn't the client's.
    let (stats, errors) = serve(
        |_: &mut TcpRequest| {
            let system = rustix::io::Errno::TIMEDOUT.raw_os_error();
            Err(io::Error::from_raw_os_error(system))
        },
        wait_for_the_end,
    );
    assert_eq!((stats.failed, stats.disconnected), (1, 0));
    assert_eq!(errors.len(), 1);
}

#[test]
fn a_datagram_handlers_own_timeout_is_a_failure() {
    if !IS_PLAIN {
        return; // it has datagrams
    }
    let (options, errors) = noting_errors(options());
    let server = udp(options, |_: &mut UdpRequest| {
        Err(io::Error::new(ErrorKind::TimedOut, "the database"))
    });
    connect_udp(server.local_addr()).send(b"question").unwrap();
    assert_eq!(errors.wait_for(1), ["the database"]);
    let stats = stop(server);
    assert_eq!((stats.failed, stats.timed_out), (1, 0));
}

/// The system gives up on a client that takes nothing for too long, because the handler
/// has asked it to. Then the client is gone; it isn't that *we* waited long enough.
#[cfg(target_os = "linux")]
#[test]
fn a_client_that_the_system_gives_up_is_a_disconnect() {
    let outcomes = Notes::new();
    let note = outcomes.clone();
    let errors = Notes::new();
    let report = errors.clone();
    let options = options()
        .on_event(move |event| {
            if let socketserver::Event::Ended { outcome, .. } = event {
                note.add(*outcome);
            }
        })
        .handle_error(move |_, error| report.add(error.to_string()));
    let seen = Notes::new();
    let kinds = seen.clone();
    let server = tcp(options, move |request: &mut TcpRequest| {
        let socket = socket2::SockRef::from(&*request);
        socket.set_tcp_user_timeout(Some(Duration::from_millis(300)))?;
        let result = request.write_all(&vec![0; LARGE]);
        kinds.add(result.as_ref().map_err(io::Error::kind).copied());
        result
    });
    let client = connect(server.local_addr()); // which doesn't read
    assert_eq!(outcomes.wait_for(1), [Outcome::Disconnected]);
    assert_eq!(seen.all(), [Err(ErrorKind::TimedOut)]);
    assert!(errors.all().is_empty(), "reported: {:?}", errors.all());
    drop(client);
}

/// A connection that is busy sets no timers. But a deadline that is set then is kept.
#[test]
fn a_deadline_in_a_busy_conversation_is_kept() {
    let (report, late) = crossbeam_channel::bounded(1);
    let server = tcp(options(), move |request: &mut TcpRequest| {
        for _ in 0..3 {
            assert_eq!(request.read(&mut [0; 16])?, 1); // the client is lively
            request.write_all(b"!")?;
        }
        request.set_deadline(Duration::from_millis(50));
        let result = request.read(&mut [0; 16]);
        let _ = report.send(result.map_err(|error| error.kind()));
        Ok(())
    });
    let mut client = connect(server.local_addr());
    for _ in 0..3 {
        client.write_all(b"?").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    thread::sleep(Duration::from_millis(500));
    let _ = client.write_all(b"much too late");
    assert_eq!(late.recv_timeout(PATIENCE), Ok(Err(ErrorKind::TimedOut)));
    stop(server);
}

/// A deadline is for what the handler is doing, not for those who write to the client.
#[test]
fn a_writer_has_no_deadline() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        request.set_deadline(Duration::from_millis(10));
        let mut writer = request.writer();
        request.set_deadline(None);
        thread::sleep(Duration::from_millis(50));
        writer.write_all(b"in time")
    });
    assert_eq!(read_all(connect(server.local_addr())), b"in time");
    assert_eq!(stop(server).finished, 1);
}
