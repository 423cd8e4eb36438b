//! Promise 16: `handle_request(timeout)` serves exactly one client, and says which of
//! served, timed out or stopped it was.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::{Handled, TcpRequest, ThreadedServer, UdpRequest};

use crate::support::{
    Echo, Notes, PATIENCE, assert_echo, connect, connect_udp, ended, gate, has_ended,
    in_time, options, read_all, receive, run,
};

const SHORT: Duration = Duration::from_millis(50);

fn greet(request: &mut TcpRequest) -> std::io::Result<()> {
    request.write_all(b"hello")
}

#[test]
fn exactly_one_of_three_waiting_clients_is_served() {
    let mut server = ThreadedServer::tcp("127.0.0.1:0", greet).unwrap();
    let handle = server.handle();
    let clients = [(); 3].map(|()| connect(server.local_addr()));
    for (place, client) in clients.into_iter().enumerate() {
        assert_eq!(server.handle_request(PATIENCE).unwrap(), Handled::Served);
        let stats = handle.stats();
        assert_eq!(
            (stats.accepted, stats.finished),
            (place as u64 + 1, place as u64 + 1)
        );
        assert_eq!(read_all(client), b"hello");
    }
    assert_eq!(server.handle_request(SHORT).unwrap(), Handled::TimedOut);
}

#[test]
fn exactly_one_of_three_waiting_datagrams_is_handled() {
    let mut server = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    let client = connect_udp(server.local_addr());
    for data in [b"1", b"2", b"3"] {
        client.send(data).unwrap();
    }
    for (count, data) in [(1, b"1"), (2, b"2"), (3, b"3")] {
        assert_eq!(server.handle_request(PATIENCE).unwrap(), Handled::Served);
        assert_eq!(server.handle().stats().finished, count);
        assert_eq!(receive(&client), data);
    }
    assert_eq!(server.handle_request(SHORT).unwrap(), Handled::TimedOut);
}

#[test]
fn when_nobody_comes_the_time_is_waited_and_not_much_more() {
    for mut server in both() {
        let begin = Instant::now();
        let handled = server.handle_request(SHORT).unwrap();
        assert_eq!(handled, Handled::TimedOut);
        assert!(begin.elapsed() >= SHORT && begin.elapsed() < PATIENCE);
        assert_eq!(server.handle_request(Duration::ZERO).unwrap(), Handled::TimedOut);
    }
}

/// A client that is waiting already is served without a wait.
#[test]
fn with_no_time_at_all_a_waiting_client_is_served() {
    let mut server = ThreadedServer::tcp("127.0.0.1:0", greet).unwrap();
    let client = connect(server.local_addr());
    assert_eq!(server.handle_request(Duration::ZERO).unwrap(), Handled::Served);
    assert_eq!(read_all(client), b"hello");
}

#[test]
fn a_server_that_was_stopped_says_so() {
    for mut server in both() {
        server.handle().shutdown();
        let handled = in_time("a stopped server", move || server.handle_request(None));
        assert_eq!(handled.unwrap(), Handled::Stopped);
    }
}

#[test]
fn stopping_ends_the_wait() {
    for mut server in both() {
        let handle = server.handle();
        let stopper = thread::spawn(move || {
            thread::sleep(SHORT); // so that it probably waits by then
            handle.shutdown();
        });
        let handled = in_time("the wait", move || server.handle_request(None));
        assert_eq!(handled.unwrap(), Handled::Stopped);
        stopper.join().unwrap();
    }
}

#[test]
fn a_client_that_is_refused_does_not_count() {
    let asked = AtomicUsize::new(0);
    let mut server = options()
        .verify_request(move |_| asked.fetch_add(1, Ordering::SeqCst) > 0)
        .tcp("127.0.0.1:0", greet)
        .unwrap();
    let clients = [(); 2].map(|()| connect(server.local_addr()));
    assert_eq!(server.handle_request(PATIENCE).unwrap(), Handled::Served);
    let stats = server.handle().stats();
    assert_eq!((stats.rejected, stats.finished), (1, 1));
    let [refused, served] = clients;
    assert!(has_ended(refused));
    assert_eq!(read_all(served), b"hello");
}

#[test]
fn a_client_whose_handler_panics_has_been_served() {
    let options = || options().handle_error(|_, _| ());
    let panics = |_: &mut TcpRequest| panic!("in handle");
    let mut server = options().tcp("127.0.0.1:0", panics).unwrap();
    let client = connect(server.local_addr());
    assert_eq!(server.handle_request(PATIENCE).unwrap(), Handled::Served);
    assert!(has_ended(client));

    let panics = |_: &mut UdpRequest| panic!("in handle");
    let mut server = options().udp("127.0.0.1:0", panics).unwrap();
    connect_udp(server.local_addr()).send(b"").unwrap();
    assert_eq!(server.handle_request(PATIENCE).unwrap(), Handled::Served);
    assert_eq!(server.handle().stats().panicked, 1);
}

/// The timeout limits the wait for a client. Its handler can take longer.
#[test]
fn a_handler_can_take_longer_than_the_timeout() {
    let (key, gate) = gate();
    let mut server =
        ThreadedServer::tcp("127.0.0.1:0", move |request: &mut TcpRequest| {
            gate.pass();
            request.write_all(b"at last")
        })
        .unwrap();
    let client = connect(server.local_addr());
    let opener = thread::spawn(move || {
        thread::sleep(4 * SHORT);
        drop(key);
    });
    assert_eq!(server.handle_request(SHORT).unwrap(), Handled::Served);
    assert_eq!(server.handle().stats().finished, 1);
    assert_eq!(read_all(client), b"at last");
    opener.join().unwrap();
}

/// The client is served to its end, as when `serve_forever` drains.
#[test]
fn a_client_that_is_being_served_when_the_server_stops_is_drained() {
    let mut server = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let handle = server.handle();
    let client = connect(server.local_addr());
    let serving = thread::spawn(move || server.handle_request(None));
    assert_echo(&client, b"hello");
    handle.shutdown();
    assert!(read_all(client).is_empty());
    let handled = in_time("handle_request", || serving.join().unwrap());
    assert_eq!(handled.unwrap(), Handled::Served);
    assert_eq!(handle.stats().finished, 1);
}

#[test]
fn after_one_request_the_server_can_serve_forever() {
    let mut server = ThreadedServer::tcp("127.0.0.1:0", greet).unwrap();
    let first = connect(server.local_addr());
    let _ = server.handle_request(PATIENCE).unwrap();
    assert_eq!(read_all(first), b"hello");
    let server = run(server);
    assert_eq!(read_all(connect(server.local_addr())), b"hello");
    server.shutdown();
    assert_eq!(ended(server).finished, 2);
}

/// A TCP and a UDP server.
fn both() -> [ThreadedServer; 2] {
    let tcp = ThreadedServer::tcp("127.0.0.1:0", Echo).unwrap();
    let udp = ThreadedServer::udp("127.0.0.1:0", Echo).unwrap();
    [tcp, udp]
}

/// Python's does not call it either: it belongs to the loop.
#[test]
fn service_actions_are_not_called() {
    let calls = Notes::new();
    let options = || {
        let note = calls.clone();
        options().service_actions(Duration::from_millis(1), move || note.add(()))
    };
    let mut tcp = options().tcp("127.0.0.1:0", Echo).unwrap();
    let mut udp = options().udp("127.0.0.1:0", Echo).unwrap();
    for server in [&mut tcp, &mut udp] {
        assert_eq!(server.handle_request(SHORT).unwrap(), Handled::TimedOut);
    }
    assert_eq!(calls.len(), 0);
}
