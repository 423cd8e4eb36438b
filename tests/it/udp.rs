//! Promise 14: no datagram is truncated silently, a reply is sent only when the handler
//! sends one, and a slow handler doesn't delay other clients.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::unbounded;
use socketserver::{HandlerError, UdpRequest};

use crate::support::{
    Echo, Gate, Key, Notes, PATIENCE, ask_udp, connect_udp, gate, options, receive,
    stop, udp, wait_until,
};

/// What UDP can carry on IPv4.
const LARGEST: usize = 65_507;

#[test]
fn a_datagram_of_any_size_comes_and_goes_whole() {
    let server = udp(options(), Echo);
    let client = connect_udp(server.local_addr());
    for size in [0, 1, 511, 8192, 8193, 20_000, LARGEST] {
        let data: Vec<u8> = (0..size).map(|place| (place / 100) as u8).collect();
        assert_eq!(ask_udp(&client, &data), data, "{size} bytes");
    }
    assert_eq!(stop(server).finished, 7);
}

/// Up to `max_packet_size`, a datagram is whole. A longer one is truncated, and says so.
#[test]
fn a_truncated_datagram_says_so() {
    let server = udp(options().max_packet_size(10), |request: &mut UdpRequest| {
        let text = format!("{} {}", request.data().len(), request.is_truncated());
        request.reply(text.as_bytes())
    });
    let client = connect_udp(server.local_addr());
    assert_eq!(ask_udp(&client, &[b'x'; 9]), b"9 false");
    assert_eq!(ask_udp(&client, &[b'x'; 10]), b"10 false");
    assert_eq!(ask_udp(&client, &[b'x'; 11]), b"10 true");
    assert_eq!(ask_udp(&client, &[b'x'; 9000]), b"10 true");
    assert_eq!(ask_udp(&client, &[]), b"0 false");
}

#[test]
fn by_default_no_datagram_is_truncated() {
    let server = udp(options(), |request: &mut UdpRequest| {
        assert!(!request.is_truncated());
        request.reply(&request.data()[request.data().len() - 3..])
    });
    let client = connect_udp(server.local_addr());
    let mut data = vec![0; LARGEST];
    data[LARGEST - 3..].copy_from_slice(b"end");
    assert_eq!(ask_udp(&client, &data), b"end");
}

/// Python's `DatagramRequestHandler` sends an empty datagram where nothing was written.
#[test]
fn a_handler_can_reply_once_or_often_or_not_at_all() {
    let server = udp(options(), |request: &mut UdpRequest| {
        let count: u8 = request.data()[0] - b'0';
        (0..count).try_for_each(|number| request.reply(&[b'0' + number]))
    });
    let client = connect_udp(server.local_addr());
    for (count, served) in [(b"0", 1), (b"3", 2), (b"0", 3), (b"1", 4)] {
        client.send(count).unwrap();
        // One after the other, so that the replies come in this order.
        wait_until("it is served", || server.stats().finished == served);
    }
    let replies: Vec<_> = (0..4).map(|_| receive(&client)).collect();
    assert_eq!(replies, [b"0", b"1", b"2", b"0"]);
    stop(server);
    client.set_nonblocking(true).unwrap();
    let nothing = client.recv(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
}

/// Handlers that reply when the gate opens; the channel reports each one that has begun.
/// The reply to `fast` comes at once.
fn slow() -> (
    Key,
    crossbeam_channel::Receiver<()>,
    impl FnMut(&mut UdpRequest) -> std::io::Result<()> + Clone + Send + 'static,
) {
    let (key, gate): (Key, Gate) = gate();
    let (starting, started) = unbounded();
    let handler = move |request: &mut UdpRequest| {
        if request.data() != b"fast" {
            starting.send(()).unwrap();
            gate.pass();
        }
        request.reply(request.data())
    };
    (key, started, handler)
}

/// None of the eight goes on before all of them are there, and another client is served
/// all the same.
#[test]
fn eight_slow_handlers_do_not_delay_others() {
    let (key, started, handler) = slow();
    let server = udp(options(), handler);
    let clients: Vec<UdpSocket> =
        (0..8).map(|_| connect_udp(server.local_addr())).collect();
    for client in &clients {
        client.send(b"slow").unwrap();
    }
    for _ in 0..8 {
        started.recv_timeout(PATIENCE).expect("all eight run at the same time");
    }
    let other = connect_udp(server.local_addr());
    for _ in 0..10 {
        assert_eq!(ask_udp(&other, b"fast"), b"fast");
    }
    wait_until("only the eight are left", || server.stats().active == 8);
    drop(key);
    for client in &clients {
        assert_eq!(receive(client), b"slow");
    }
    assert_eq!(stop(server).finished, 18);
}

/// The datagrams beyond the limit wait in the system's queue.
#[test]
fn no_more_datagrams_are_handled_at_once_than_allowed() {
    let (key, started, handler) = slow();
    let server = udp(options().max_connections(2), handler);
    let client = connect_udp(server.local_addr());
    for _ in 0..5 {
        client.send(b"slow").unwrap();
    }
    for _ in 0..2 {
        started.recv_timeout(PATIENCE).unwrap();
    }
    let third = started.recv_timeout(Duration::from_millis(100));
    assert!(third.is_err(), "three at once");
    assert_eq!(server.stats().accepted, 2);
    drop(key);
    for _ in 0..5 {
        assert_eq!(receive(&client), b"slow");
    }
    assert_eq!(stop(server).finished, 5);
}

/// The receivers that were added for slow handlers end when there is little to do.
#[test]
fn threads_for_slow_datagrams_leave_afterwards() {
    let (key, started, handler) = slow();
    let server = udp(options().idle_thread_timeout(Duration::from_millis(20)), handler);
    let client = connect_udp(server.local_addr());
    for _ in 0..6 {
        client.send(b"slow").unwrap();
        started.recv_timeout(PATIENCE).unwrap();
    }
    assert!(server.stats().threads >= 6);
    drop(key);
    wait_until("the threads leave", || server.stats().threads <= 1);
    assert_eq!((0..6).map(|_| receive(&client).len()).sum::<usize>(), 6 * 4);
    assert_eq!(ask_udp(&client, b"fast"), b"fast");
    let handle = server.handle();
    stop(server);
    wait_until("the last one leaves", || handle.stats().threads == 0);
}

/// A handler that is at work when the server stops can still reply; no new one begins.
#[test]
fn a_reply_that_is_being_worked_out_still_goes_out() {
    let (key, started, handler) = slow();
    let server = udp(options().drain_timeout(None), handler);
    let client = connect_udp(server.local_addr());
    client.send(b"slow").unwrap();
    started.recv_timeout(PATIENCE).unwrap();
    server.shutdown();
    client.send(b"fast").unwrap();
    drop(key);
    let stats = stop(server);
    assert_eq!((stats.finished, stats.active), (1, 0));
    assert_eq!(receive(&client), b"slow");
    client.set_nonblocking(true).unwrap();
    assert!(client.recv(&mut [0; 10]).is_err(), "nobody may answer after the end");
}

#[test]
fn a_slow_datagram_is_cut_off_when_the_drain_takes_too_long() {
    let (key, started, handler) = slow();
    let server = udp(options().drain_timeout(Duration::from_millis(50)), handler);
    let client = connect_udp(server.local_addr());
    client.send(b"slow").unwrap();
    started.recv_timeout(PATIENCE).unwrap();
    let stats = stop(server);
    assert_eq!((stats.cut_off, stats.finished), (1, 0));
    drop(key);
}

#[test]
fn a_reply_too_long_for_a_datagram_is_an_error() {
    let errors = Notes::new();
    let note = errors.clone();
    let hook = move |_: &_, error: &HandlerError| note.add(error.is_disconnect());
    let server = udp(options().handle_error(hook), |request: &mut UdpRequest| {
        request.reply(&vec![0; request.data().len() * 65_508])
    });
    let client = connect_udp(server.local_addr());
    client.send(b"!").unwrap();
    assert_eq!(errors.wait_for(1), [false]);
    assert_eq!(ask_udp(&client, b""), b"", "and the next one is served");
    assert_eq!(stop(server).failed, 1);
}

/// A client that is gone gets no reply, and the others don't notice.
#[test]
fn a_client_that_has_gone_does_not_disturb_the_others() {
    let (key, started, handler) = slow();
    let server = udp(options(), handler);
    let gone = connect_udp(server.local_addr());
    gone.send(b"slow").unwrap();
    started.recv_timeout(PATIENCE).unwrap();
    drop(gone);
    drop(key);
    let client = connect_udp(server.local_addr());
    for _ in 0..20 {
        assert_eq!(ask_udp(&client, b"fast"), b"fast");
    }
    assert_eq!(stop(server).finished, 21);
}

/// Many clients at once, each asking again and again: all get their replies, and the
/// counts agree.
#[test]
fn datagrams_of_many_clients_are_all_answered() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    let server = udp(options(), move |request: &mut UdpRequest| {
        counter.fetch_add(1, Ordering::SeqCst);
        request.reply(request.data())
    });
    std::thread::scope(|scope| {
        for client in 0..8 {
            let client_number = client;
            let address = server.local_addr();
            scope.spawn(move || {
                let client = connect_udp(address);
                for number in 0..100 {
                    let text = format!("{client_number}: {number}");
                    assert_eq!(ask_udp(&client, text.as_bytes()), text.as_bytes());
                }
            });
        }
    });
    assert_eq!(count.load(Ordering::SeqCst), 800);
    assert_eq!(stop(server).finished, 800);
}
