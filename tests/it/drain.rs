//! Promise 5: how a server ends. Open connections see end of file on their next read,
//! replies still go out, and a client that takes too long is cut off and counted.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use socketserver::{Event, TcpRequest};

use crate::support::{
    Client, Echo, Notes, PATIENCE, assert_echo, connect, ended, gate, has_ended,
    options, read_all, stop, tcp, wait_until,
};

/// Far more than the system buffers for one connection.
const LARGE: usize = 32 * 1024 * 1024;

#[test]
fn idle_clients_see_a_clean_end() {
    let server = tcp(options().drain_timeout(None), Echo);
    let clients: Vec<_> = (0..20).map(|_| connect(server.local_addr())).collect();
    clients.iter().for_each(|client| assert_echo(client, b"hello"));
    let stats = stop(server);
    assert_eq!((stats.finished, stats.cut_off, stats.active), (20, 0, 0));
    for client in clients {
        assert!(read_all(client).is_empty());
    }
}

#[test]
fn clients_that_have_never_sent_anything_see_a_clean_end() {
    let server = tcp(options().drain_timeout(None), Echo);
    let clients: Vec<_> = (0..20).map(|_| connect(server.local_addr())).collect();
    wait_until("all are accepted", || server.stats().active == 20);
    assert_eq!(stop(server).finished, 20);
    for client in clients {
        assert!(read_all(client).is_empty());
    }
}

#[test]
fn a_reply_that_is_being_worked_out_still_goes_out() {
    let (key, gate) = gate();
    let (starting, started) = unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        let mut line = String::new();
        while request.read_line(&mut line)? > 0 {
            starting.send(()).unwrap();
            gate.pass();
            request.write_all(line.to_uppercase().as_bytes())?;
            line.clear();
        }
        request.write_all(b"bye")
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"question\n").unwrap();
    started.recv_timeout(PATIENCE).unwrap();
    server.shutdown();
    drop(key);
    assert_eq!(read_all(client), b"QUESTION\nbye");
    assert_eq!(ended(server).finished, 1);
}

/// What the client sent before the shutdown is read before the end of file.
#[test]
fn what_had_come_before_is_still_read() {
    let (key, gate) = gate();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        request.write_all(b"!")?;
        gate.pass();
        let mut everything = Vec::new();
        request.read_to_end(&mut everything)?;
        request.write_all(&everything)
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"sent in time").unwrap();
    client.read_exact(&mut [0]).unwrap();
    server.shutdown();
    drop(key);
    assert_eq!(read_all(client), b"sent in time");
}

#[test]
fn a_reply_larger_than_all_buffers_goes_out_while_the_server_stops() {
    let server = tcp(options().drain_timeout(None), |request: &mut TcpRequest| {
        let reply: Vec<u8> = (0..LARGE).map(|place| (place / 1000) as u8).collect();
        request.write_all(&reply)
    });
    let mut client = connect(server.local_addr());
    client.read_exact(&mut [0]).unwrap(); // and the rest cannot have been sent yet
    server.shutdown();
    let rest = read_all(client);
    assert_eq!(rest.len(), LARGE - 1);
    assert!(rest.iter().zip(1..).all(|(byte, place)| *byte == (place / 1000) as u8));
    assert_eq!(ended(server).finished, 1);
}

/// Two clients of a handler that wants to write more than they read: these are cut off.
/// The others end well, and the statistics count both kinds.
#[test]
fn a_handler_that_takes_too_long_is_cut_off_and_counted() {
    let errors = Notes::new();
    let events = Notes::new();
    let (note, note_event) = (errors.clone(), events.clone());
    let options = options()
        .drain_timeout(Duration::from_secs(2))
        .handle_error(move |_, error| note.add(error.to_string()))
        .on_event(move |event| note_event.add(event.clone()));
    let server = tcp(options, |request: &mut TcpRequest| {
        let mut wish = [0];
        while request.read(&mut wish)? > 0 {
            request.write_all(&wish)?;
            if wish == *b"L" {
                request.write_all(&vec![0; LARGE])?;
            }
        }
        Ok(())
    });
    let clients: Vec<_> = (0..50).map(|_| connect(server.local_addr())).collect();
    for (place, client) in clients.iter().enumerate() {
        assert_echo(client, if place < 2 { b"L" } else { b"s" });
    }
    let handle = server.handle();
    let stats = stop(server);
    assert_eq!((stats.finished, stats.cut_off, stats.active), (48, 2, 0));
    wait_until("the threads leave", || handle.stats().threads == 0);
    assert!(events.all().contains(&Event::CutOff { connections: 2 }));
    assert!(errors.all().is_empty(), "to be cut off is no news: {:?}", errors.all());
    clients[2..].iter().for_each(|client| assert!(read_all(client).is_empty()));
}

/// A thread cannot be killed, but the server does not wait for it forever.
#[test]
fn a_handler_that_neither_reads_nor_writes_does_not_keep_the_server() {
    let (key, gate) = gate();
    let options = options().drain_timeout(Duration::from_millis(50));
    let server = tcp(options, move |_: &mut TcpRequest| {
        gate.pass();
        gate.pass(); // so that it gives up waiting later than the test does
        Ok(())
    });
    let client = connect(server.local_addr());
    wait_until("it is accepted", || server.stats().active == 1);
    let handle = server.handle();
    let stats = stop(server);
    assert_eq!((stats.cut_off, stats.finished, stats.threads), (1, 0, 1));
    assert!(has_ended(client));
    drop(key);
    wait_until("the thread leaves", || handle.stats().threads == 0);
    assert_eq!(handle.stats().cut_off, 1, "counted once");
    assert_eq!(handle.stats().finished, 0, "counted once");
}

#[test]
fn a_client_that_shuts_its_write_half_gets_its_reply() {
    let server = tcp(options(), |request: &mut TcpRequest| {
        let mut question = String::new();
        request.read_to_string(&mut question)?;
        write!(request, "{} bytes", question.len())
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(client), b"8 bytes");
}

#[test]
fn a_client_that_shut_its_write_half_gets_its_reply_from_a_stopping_server() {
    let (key, gate) = gate();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        let mut question = String::new();
        request.read_to_string(&mut question)?;
        request.server().shutdown();
        gate.pass();
        write!(request, "{} bytes", question.len())
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    wait_until("it stops", || server.is_shutting_down());
    drop(key);
    assert_eq!(read_all(client), b"8 bytes");
    assert_eq!(ended(server).finished, 1);
}

#[test]
fn shutdown_now_does_not_wait() {
    let server = tcp(options().drain_timeout(None), writes_for_ever);
    let mut client = connect(server.local_addr());
    client.read_exact(&mut [0]).unwrap();
    server.shutdown_now();
    let stats = ended(server);
    assert_eq!((stats.cut_off, stats.finished), (1, 0));
    assert!(has_ended(client));
}

#[test]
fn shutdown_now_ends_a_drain_that_would_take_for_ever() {
    let server = tcp(options().drain_timeout(None), writes_for_ever);
    let mut client = connect(server.local_addr());
    client.read_exact(&mut [0]).unwrap();
    server.shutdown();
    assert_eq!(server.stats().active, 1);
    server.shutdown_now();
    assert_eq!(ended(server).cut_off, 1);
}

/// Whenever the server is stopped, every reply that was begun arrives whole, and a clean
/// end follows. The server and the clients count the same.
#[test]
fn clients_in_the_middle_of_a_conversation_lose_nothing() {
    const REPLY: usize = 50_000;
    for round in 0..20 {
        let answered = Arc::new(AtomicU64::new(0));
        let count = answered.clone();
        let server = tcp(options(), move |request: &mut TcpRequest| {
            let mut line = String::new();
            while request.read_line(&mut line)? > 0 {
                request.write_all(&[b'r'; REPLY])?;
                count.fetch_add(1, Ordering::SeqCst);
                line.clear();
            }
            Ok(())
        });
        let address = server.local_addr();
        let clients: Vec<_> = (0..8)
            .map(|_| thread::spawn(move || converse(&connect(address), REPLY)))
            .collect();
        wait_until("it is the moment to stop", || {
            server.stats().active == 8 && answered.load(Ordering::SeqCst) >= 10 * round
        });
        let stats = stop(server);
        assert_eq!((stats.finished, stats.accepted), (8, 8), "{stats}");
        let whole: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        assert_eq!(whole, answered.load(Ordering::SeqCst));
    }
}

/// Asks again and again until the server ends the connection. Returns how many whole
/// replies have come, and fails when one was not whole or the end was not clean.
fn converse(mut client: &Client, size: usize) -> u64 {
    let mut replies = 0;
    let mut reply = Vec::new();
    loop {
        // Fails if the server has closed the connection in the meantime.
        let sent = client.write_all(b"and now?\n");
        reply.clear();
        client.take(size as u64).read_to_end(&mut reply).expect("a clean end");
        match (reply.len(), sent) {
            (0, _) => return replies,
            (length, Ok(())) if length == size => replies += 1,
            (length, sent) => panic!("a reply of {length} bytes ({sent:?})"),
        }
    }
}

fn writes_for_ever(request: &mut TcpRequest) -> io::Result<()> {
    loop {
        request.write_all(&[0; 4096])?;
    }
}
