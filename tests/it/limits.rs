//! Promises 7 and 12: no more connections than allowed, and no client can hold a thread
//! or memory forever.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use socketserver::{ServerBuilder, TcpRequest};

use crate::support::{
    Client, Echo, IS_PLAIN, Notes, PATIENCE, Server, ask, assert_balanced, assert_echo,
    connect, has_ended, options, read_all, stop, tcp, wait_until,
};

/// The system has connected the third client, which waits for its turn.
#[test]
fn with_room_for_two_the_other_clients_wait_in_the_queue() {
    if !IS_PLAIN {
        return; // in the queue, nobody shakes hands
    }
    let server = tcp(options().max_connections(2), Echo);
    let address = server.local_addr();
    let mut clients: Vec<_> = (0..5).map(|_| connect(address)).collect();
    for client in &mut clients {
        client.write_all(b"hello").unwrap();
    }
    for waiting in (0..=3).rev() {
        let mut answer = [0; 5];
        clients[0].read_exact(&mut answer).unwrap();
        clients[1].read_exact(&mut answer[..1]).unwrap();
        clients[1].read_exact(&mut answer[1..]).unwrap();
        assert_eq!(server.stats().active, 2);
        assert_eq!(server.stats().accepted, 5 - waiting);
        if let Some(next) = clients.get(2) {
            next.set_nonblocking(true).unwrap();
            let nothing = (&mut &*next).read(&mut [0]).unwrap_err();
            assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
            next.set_nonblocking(false).unwrap();
        } else {
            break;
        }
        clients.remove(0); // it leaves, and the next one is accepted
        clients[0].write_all(b"again").unwrap();
    }
    drop(clients);
    assert_eq!(stop(server).finished, 5);
}

#[test]
fn no_more_clients_are_served_at_once_than_allowed() {
    let inside = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (count, max) = (inside.clone(), most.clone());
    let server = tcp(options().max_connections(3), move |request: &mut TcpRequest| {
        max.fetch_max(count.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let result = request.read(&mut [0; 16]).and_then(|_| request.write_all(b"!"));
        count.fetch_sub(1, Ordering::SeqCst);
        result
    });
    let address = server.local_addr();
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(ask(address, b"?"), b"!");
                }
            });
        }
    });
    assert_eq!(stop(server).finished, 12 * 20);
    let most = most.load(Ordering::SeqCst);
    assert!(most <= 3, "{most} at once");
}

/// The serving thread then waits for a free place, and not for a client.
#[test]
fn a_server_without_room_can_be_stopped() {
    let server = tcp(options().max_connections(1), Echo);
    let client = connect(server.local_addr());
    assert_echo(&client, b"hello");
    let queued = connect(server.local_addr());
    assert_eq!(stop(server).finished, 1);
    assert!(read_all(client).is_empty());
    assert!(has_ended(queued));
}

#[test]
fn a_silent_client_is_disconnected_after_the_read_timeout() {
    let (server, errors) = with_limit(options().read_timeout(SHORT), |request| {
        request.read(&mut [0]).map(drop)
    });
    let client = connect(server.local_addr());
    assert!(read_all(client).is_empty());
    assert_timed_out(&errors, "sent nothing");
    assert_eq!(stop(server).timed_out, 1);
    assert_eq!(errors.len(), 1, "not reported");
}

/// A client can fall silent in the middle of a line.
#[test]
fn a_client_that_never_ends_its_line_is_sent_away_after_the_read_timeout() {
    let (server, errors) = with_limit(options().read_timeout(SHORT), |request| {
        request.read_line(&mut String::new()).map(drop)
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"and then").unwrap();
    assert!(read_all(client).is_empty());
    assert_timed_out(&errors, "sent nothing");
}

#[test]
fn a_client_that_does_not_read_is_sent_away_after_the_write_timeout() {
    let (server, errors) = with_limit(options().write_timeout(SHORT), |request| {
        request.write_all(&vec![0; 32 * 1024 * 1024])
    });
    let client = connect(server.local_addr());
    assert_timed_out(&errors, "read nothing");
    assert_eq!(stop(server).timed_out, 1);
    drop(client);
}

#[test]
fn a_writer_on_another_thread_obeys_the_write_timeout_too() {
    let (server, errors) = with_limit(options().write_timeout(SHORT), |request| {
        let mut writer = request.writer();
        thread::spawn(move || writer.write_all(&vec![0; 32 * 1024 * 1024]))
            .join()
            .expect("no panic")
    });
    let client = connect(server.local_addr());
    assert_timed_out(&errors, "read nothing");
    drop((client, server));
}

/// The other timeouts begin again with each byte, so they never end this client.
#[test]
fn a_client_that_sends_a_byte_now_and_then_is_sent_away_when_its_session_is_over() {
    let options = options().session_timeout(Duration::from_millis(300));
    let (server, errors) = with_limit(options, |request| {
        while request.read(&mut [0])? > 0 {}
        Ok(())
    });
    drip(&connect(server.local_addr()));
    assert_timed_out(&errors, "session");
    assert_eq!(stop(server).timed_out, 1);
}

/// The client reads, but too little: each write makes some progress.
#[test]
fn a_client_that_reads_slowly_is_sent_away_when_its_session_is_over() {
    let options = options().session_timeout(Duration::from_millis(300));
    let (server, errors) = with_limit(options, |request| {
        loop {
            request.write_all(&[0; 4096])?;
        }
    });
    let mut client = connect(server.local_addr());
    let until = Instant::now() + PATIENCE;
    while errors.len() == 0 {
        assert!(Instant::now() < until, "it is never disconnected");
        client.read_exact(&mut [0; 512]).unwrap();
        thread::sleep(Duration::from_millis(5));
    }
    assert_timed_out(&errors, "session");
}

/// Only silence counts: the client is there for much longer than the timeout.
#[test]
fn a_lively_client_meets_no_timeout() {
    let server = tcp(options().read_timeout(Duration::from_secs(2)), Echo);
    let client = connect(server.local_addr());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(2500) {
        assert_echo(&client, b"hello");
        thread::sleep(Duration::from_millis(20));
    }
    drop(client);
    assert_eq!(stop(server).finished, 1);
}

#[test]
fn without_timeouts_nobody_is_sent_away() {
    let never = options().read_timeout(None).write_timeout(None).session_timeout(None);
    let server = tcp(never, Echo);
    assert_echo(connect(server.local_addr()), b"hello");
    assert_eq!(stop(server).finished, 1);
}

/// A client that goes on sending when its handler has ended does not hold the thread:
/// closing reads on for two seconds only.
#[test]
fn a_client_that_never_stops_sending_does_not_hold_the_thread() {
    let server = tcp(options(), |request: &mut TcpRequest| request.write_all(b"bye"));
    let mut client = connect(server.local_addr());
    let until = Instant::now() + PATIENCE;
    while client.write_all(&[0; 1024]).is_ok() {
        assert!(Instant::now() < until, "it is served forever");
    }
    wait_until("it has left", || server.stats().active == 0);
    assert_balanced(&server.stats());
}

/// Bytes without a line end take no memory beyond `max_line`, and the handler gets the
/// error before they end.
#[test]
fn an_endless_line_is_an_error_before_its_end() {
    let (refusing, refused) = unbounded();
    let server = tcp(options().max_line(100_000), move |request: &mut TcpRequest| {
        let error = request.read_until(b'\n', &mut Vec::new()).unwrap_err();
        refusing.send(error.kind()).unwrap();
        Ok(())
    });
    let mut client = connect(server.local_addr());
    while refused.is_empty() {
        if client.write_all(&[b'a'; 4096]).is_err() {
            break; // it may have been closed already
        }
    }
    assert_eq!(refused.recv_timeout(PATIENCE), Ok(ErrorKind::InvalidData));
}

/// Code that doesn't know this library reads lines too.
#[test]
fn the_limit_on_lines_holds_for_every_way_to_read_them() {
    fn read_any(mut input: impl BufRead) -> io::Result<usize> {
        input.read_line(&mut String::new())
    }
    let errors = Notes::new();
    let note = errors.clone();
    let server = tcp(options().max_line(4), move |request: &mut TcpRequest| {
        note.add(read_any(&mut *request).map_err(|error| error.kind()));
        note.add(read_any(&mut *request).map_err(|error| error.kind()));
        Ok(())
    });
    ask(server.local_addr(), b"12345\n1234\n");
    assert_eq!(errors.all(), [Err(ErrorKind::InvalidData), Ok(5)]);
}

const SHORT: Duration = Duration::from_millis(100);

/// A server and the errors that its handler meets: kind and words. A client that takes
/// too long is ordinary, so the `handle_error` hook must not be called.
fn with_limit(
    options: ServerBuilder,
    mut handler: impl FnMut(&mut TcpRequest) -> io::Result<()> + Clone + Send + 'static,
) -> (Server, Notes<(ErrorKind, String)>) {
    let errors = Notes::new();
    let (met, reported) = (errors.clone(), errors.clone());
    let options = options.handle_error(move |_, error| {
        reported.add((ErrorKind::Other, format!("reported: {error}")));
    });
    let handler = move |request: &mut TcpRequest| {
        let result = handler(request);
        if let Err(error) = &result {
            met.add((error.kind(), error.to_string()));
        }
        result
    };
    (tcp(options, handler), errors)
}

fn assert_timed_out(errors: &Notes<(ErrorKind, String)>, words: &str) {
    let errors = errors.wait_for(1);
    assert_eq!((errors.len(), errors[0].0), (1, ErrorKind::TimedOut), "{errors:?}");
    assert!(errors[0].1.contains(words), "{errors:?}");
}

/// Sends a byte every few milliseconds until the server has ended the connection.
fn drip(mut client: &Client) {
    let until = Instant::now() + PATIENCE;
    while client.write_all(b".").is_ok() {
        assert!(Instant::now() < until, "it is never disconnected");
        thread::sleep(Duration::from_millis(20));
    }
}
