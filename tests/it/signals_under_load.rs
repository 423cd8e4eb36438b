//! Ctrl-C and SIGTERM in the middle of the work: the first loses nothing, the second
//! ends everything, and a hundred of them do no more than two.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use socketserver::{RequestHandler, TcpRequest};

use crate::leaks::Random;
use crate::nothing_lost::{ByLines, converse_by_lines};
use crate::process::{Child, is_child};
use crate::support::{assert_balanced, assert_echo, connect, in_time, options};

const CLIENTS: usize = 16;

/// Replies to lines. The reply to `endless` is more than a client can take that does not
/// read.
#[derive(Clone)]
struct Handler(ByLines);

impl RequestHandler for Handler {
    fn handle(&mut self, request: &mut TcpRequest) -> std::io::Result<()> {
        let mut wish = [0];
        request.read_exact(&mut wish)?;
        request.write_all(&wish)?;
        if wish == *b"E" {
            loop {
                request.write_all(&[0; 4096])?;
            }
        }
        self.0.handle(request)
    }
}

/// The child's part: serves until signals have come, then reports what it did.
fn serve() {
    let served = Arc::new(AtomicU64::new(0));
    let handler = Handler(ByLines(served.clone()));
    let server = options().drain_timeout(None).tcp("127.0.0.1:0", handler).unwrap();
    let server = server.spawn().unwrap();
    let handle = server.handle();
    handle.shutdown_on_ctrl_c().unwrap();
    eprintln!("listening on {}", server.local_addr());
    thread::spawn(move || {
        let _ = handle.stopping().recv();
        eprintln!("stopping");
    });
    let handle = server.handle();
    server.join().unwrap();
    let stats = handle.stats();
    assert_balanced(&stats);
    assert_eq!((stats.active, stats.failed, stats.panicked), (0, 0, 0), "{stats}");
    eprintln!("finished {}", stats.finished);
    eprintln!("cut off {}", stats.cut_off);
    eprintln!("served {}", served.load(Ordering::SeqCst));
}

/// Starts the child. Returns it with clients that are being served: this many of the
/// kind that reads, and this many of the kind that does not.
fn start(
    test: &str,
    good: usize,
    bad: usize,
) -> (Child, Vec<TcpStream>, Vec<TcpStream>) {
    let child = Child::start(test);
    let address: SocketAddr = child.wait_for("listening on ").parse().unwrap();
    let clients = |count, wish: &[u8]| {
        let mut clients = Vec::new();
        for _ in 0..count {
            clients.push(connect(address));
            assert_echo(clients.last().expect("just pushed"), wish);
        }
        clients
    };
    let (good, bad) = (clients(good, b"."), clients(bad, b"E"));
    (child, good, bad)
}

fn one_signal_loses_nothing(test: &str, signal: Signal) {
    if is_child() {
        serve();
        return;
    }
    let mut random = Random(7);
    for _ in 0..5 {
        let (child, clients, _) = start(test, CLIENTS, 0);
        let clients: Vec<_> = clients
            .into_iter()
            .map(|client| {
                let mut random = Random(random.below(u64::MAX));
                thread::spawn(move || converse_by_lines(client, &mut random))
            })
            .collect();
        thread::sleep(Duration::from_micros(random.below(10_000)));
        child.signal(signal);
        let seen = in_time("all clients", move || -> u64 {
            clients.into_iter().map(|client| client.join().unwrap()).sum()
        });
        assert_eq!(child.wait_for("finished "), CLIENTS.to_string());
        assert_eq!(child.wait_for("cut off "), "0");
        assert_eq!(child.wait_for("served "), seen.to_string());
        child.assert_success();
    }
}

#[test]
fn ctrl_c_under_load_loses_nothing() {
    let test = "signals_under_load::ctrl_c_under_load_loses_nothing";
    one_signal_loses_nothing(test, Signal::INT);
}

#[test]
fn sigterm_under_load_loses_nothing() {
    let test = "signals_under_load::sigterm_under_load_loses_nothing";
    one_signal_loses_nothing(test, Signal::TERM);
}

/// Some clients talk and some never read; after the second signal all are gone.
#[test]
fn a_second_signal_under_load_cuts_off() {
    let test = "signals_under_load::a_second_signal_under_load_cuts_off";
    if is_child() {
        serve();
        return;
    }
    for (first, second) in [(Signal::INT, Signal::INT), (Signal::TERM, Signal::INT)] {
        let (child, good, bad) = start(test, CLIENTS, 4);
        let good: Vec<_> = good
            .into_iter()
            .map(|client| {
                thread::spawn(move || converse_by_lines(client, &mut Random(8)))
            })
            .collect();
        child.signal(first);
        child.wait_for("stopping");
        in_time("those who talk", || good.into_iter().for_each(|c| drop(c.join())));
        child.signal(second);
        assert_eq!(child.wait_for("finished "), CLIENTS.to_string());
        assert_eq!(child.wait_for("cut off "), "4");
        child.assert_success();
        drop(bad);
    }
}

/// A user loses patience and presses Ctrl-C again and again: no harm is done.
#[test]
fn a_hail_of_signals_under_load_ends_everything() {
    let test = "signals_under_load::a_hail_of_signals_under_load_ends_everything";
    if is_child() {
        serve();
        // It might have ended before the last of them came.
        thread::sleep(Duration::from_millis(50));
        return;
    }
    let (child, good, bad) = start(test, CLIENTS, 4);
    let good: Vec<_> = good
        .into_iter()
        .map(|mut client| {
            // It might be cut off, so any end will do.
            thread::spawn(move || {
                while client.write_all(b"100\n").is_ok()
                    && client.read_exact(&mut [0; 100]).is_ok()
                {}
            })
        })
        .collect();
    for number in 0..20 {
        child.signal(if number % 2 == 0 { Signal::INT } else { Signal::TERM });
    }
    let finished: usize = child.wait_for("finished ").parse().unwrap();
    let cut_off: usize = child.wait_for("cut off ").parse().unwrap();
    assert!(finished <= CLIENTS && (4..=CLIENTS + 4).contains(&cut_off));
    child.assert_success();
    in_time("all clients", || good.into_iter().for_each(|client| drop(client.join())));
    drop(bad);
}
