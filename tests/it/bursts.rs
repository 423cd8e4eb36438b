//! Promise 21: datagrams that arrive all at once, behind and among slow ones.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::UdpRequest;

use crate::support::{
    PATIENCE, Server, ask_udp, connect_udp, gate, options, udp, wait_until,
};

/// Space for all that these tests send at once, where the system allows it.
const BUFFER: usize = 4 << 20;

/// How long a datagram waits if it comes right after `slow` others.
fn wait_behind(slow: usize) -> Duration {
    let (key, gate) = gate();
    let server =
        udp(options().receive_buffer(BUFFER), move |request: &mut UdpRequest| {
            if request.data() == b"slow" {
                gate.pass();
            }
            request.reply(request.data())
        });
    let client = connect_udp(server.local_addr());
    let other = connect_udp(server.local_addr());
    assert_eq!(ask_udp(&client, b"hello"), b"hello");
    for _ in 0..slow {
        client.send(b"slow").unwrap();
    }
    let begin = Instant::now();
    assert_eq!(ask_udp(&other, b"fast"), b"fast");
    let waited = begin.elapsed();
    wait_until("all slow ones are being handled", || server.stats().active == slow);
    drop(key);
    waited
}

/// A server that adds one receiver a millisecond takes half a second for them, on any
/// machine. Other programs may keep the processors from us for as long, but not each time.
#[test]
fn five_hundred_slow_datagrams_delay_the_next_by_less_than_a_millisecond_each() {
    let mut waits = Vec::new();
    for _ in 0..20 {
        let waited = wait_behind(500);
        if waited < Duration::from_millis(400) {
            return;
        }
        waits.push(waited);
    }
    panic!("{waits:?}");
}

/// Sends a thousand datagrams in 57 milliseconds.
fn send_a_thousand(server: std::net::SocketAddr) {
    let client = connect_udp(server);
    let begin = Instant::now();
    for number in 0..1000 {
        while begin.elapsed() < number * Duration::from_micros(57) {
            thread::yield_now();
        }
        client.send(&[0; 100]).unwrap();
    }
}

/// Waits until the count stops, and returns how many of a thousand are missing.
fn lost(count: impl Fn() -> usize) -> usize {
    let until = Instant::now() + PATIENCE;
    let mut seen = count();
    while seen < 1000 && Instant::now() < until {
        thread::sleep(Duration::from_millis(300));
        let now = count();
        if now == seen {
            break;
        }
        seen = now;
    }
    1000 - count()
}

const WORK: Duration = Duration::from_millis(20);

fn lost_by_the_server() -> usize {
    let server: Server = udp(options(), |_: &mut UdpRequest| {
        thread::sleep(WORK);
        Ok(())
    });
    send_a_thousand(server.local_addr());
    lost(|| usize::try_from(server.stats().accepted).unwrap())
}

/// What a program written by hand does: one thread receives, and starts a thread for
/// each.
fn lost_by_hand() -> usize {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let (received, over) = (count.clone(), is_over.clone());
    let receiver = thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while !over.load(Ordering::Relaxed) {
            if let Ok((length, client)) = socket.recv_from(&mut buffer) {
                received.fetch_add(1, Ordering::Relaxed);
                let data = buffer[..length].to_vec();
                thread::spawn(move || {
                    thread::sleep(WORK);
                    drop((data, client));
                });
            }
        }
    });
    send_a_thousand(address);
    let lost = lost(|| count.load(Ordering::Relaxed));
    is_over.store(true, Ordering::Relaxed);
    receiver.join().unwrap();
    lost
}

/// On a busy machine both lose some, but not equally, so a tenth more doesn't count.
#[test]
fn in_a_burst_no_more_are_lost_than_by_hand() {
    let mut losses = Vec::new();
    for _ in 0..5 {
        let (ours, theirs) = (lost_by_the_server(), lost_by_hand());
        if ours <= theirs + 100 {
            return;
        }
        losses.push((ours, theirs));
    }
    panic!("lost by the server, and by hand: {losses:?}");
}
