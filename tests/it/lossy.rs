//! Promise 18 on a network that loses packets: every reply comes whole, or the client
//! can tell that it doesn't. It must not matter what the client does meanwhile, and
//! whether the server is stopped.
//!
//! Each test has a network of its own, whose loopback interface is slower than we are
//! and has hardly any space for packets that wait: it drops the rest. The system sends
//! those again, for as long as the connection isn't reset.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socketserver::TcpRequest;

use crate::process::in_own_network;
use crate::support::{PATIENCE, connect, in_time, options, stop, tcp, wait_until};

/// 20 megabits a second, and space for 10 packets.
const LOSSY: &str = "ip link set lo mtu 1500 up
    tc qdisc add dev lo root tbf rate 20mbit burst 5kb limit 15000";

const REPLY: usize = 300_000;

/// Long enough for packets that are lost several times in a row: the system doubles its
/// pause before it sends one again.
const DRAIN: Duration = Duration::from_secs(20);

/// How many clients are served at the same time.
const CLIENTS: usize = 4;

/// What a client does while it gets its reply.
#[derive(Debug, Clone, Copy)]
enum Client {
    /// It goes on sending.
    Talks,
    /// It asks one more question.
    AsksAgain,
    /// It has closed its half.
    HasEnded,
}

/// How the server is stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stop {
    /// When all clients have left.
    Later,
    /// In the middle of all replies.
    Drain,
    /// As soon as it counts one as finished.
    Cut,
}

/// What clients saw.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// The whole reply.
    whole: usize,
    /// A part of it, and a reset.
    reset: usize,
    /// A part of it, and an end that looks clean.
    cut: usize,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.whole += other.whole;
        self.reset += other.reset;
        self.cut += other.cut;
    }
}

fn reply() -> Vec<u8> {
    (0..REPLY).map(|place| (place / 1000) as u8).collect()
}

/// Asks, and takes the reply. Counts itself in `begun` when it begins to come.
fn take_reply(address: SocketAddr, kind: Client, begun: &AtomicUsize) -> Seen {
    let mut client = connect(address);
    client.write_all(b"question\n").unwrap();
    let mut bytes = Vec::new();
    let mut end = (&client).take(1000).read_to_end(&mut bytes);
    begun.fetch_add(1, Ordering::SeqCst);
    let talker = match kind {
        Client::HasEnded => {
            let _ = client.shutdown(Shutdown::Write); // it may have been reset
            None
        }
        Client::AsksAgain => {
            let _ = client.write_all(b"and?\n");
            None
        }
        Client::Talks => Some(keep_talking(&client)),
    };
    end = end.and_then(|_| client.read_to_end(&mut bytes));
    let is_whole = bytes == reply();
    let _ = client.shutdown(Shutdown::Both); // ends the talker too
    // The system reports a reset only once: to the thread that reads, or the one that
    // writes.
    let was_reset = talker.is_some_and(|talker| talker.join().unwrap());
    let mut seen = Seen::default();
    match end {
        _ if is_whole => seen.whole += 1,
        Ok(_) if !was_reset => seen.cut += 1,
        _ => seen.reset += 1,
    }
    seen
}

/// Goes on sending until it can't any more. Returns whether that is because of a reset.
fn keep_talking(client: &TcpStream) -> thread::JoinHandle<bool> {
    let mut client = client.try_clone().unwrap();
    thread::spawn(move || {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Err(error) = client.write_all(b"x") {
                return error.kind() == ErrorKind::ConnectionReset;
            }
            thread::sleep(Duration::from_millis(1));
        }
        false
    })
}

/// One server and its clients. Returns what they saw, and how many the server counted as
/// finished.
fn round(kind: Client, stop_by: Stop) -> (Seen, usize) {
    let server = tcp(options().drain_timeout(DRAIN), |request: &mut TcpRequest| {
        request.read_line(&mut String::new())?;
        request.write_all(&reply())
    });
    let begun = Arc::new(AtomicUsize::new(0));
    let (address, count) = (server.local_addr(), begun.clone());
    let clients = [(); CLIENTS].map(|()| {
        let begun = count.clone();
        thread::spawn(move || take_reply(address, kind, &begun))
    });
    let all_begin = || begun.load(Ordering::SeqCst) == CLIENTS;
    match stop_by {
        Stop::Later => {}
        Stop::Drain => {
            wait_until("all replies begin", all_begin);
            server.shutdown();
        }
        Stop::Cut => {
            wait_until("one is finished", || server.stats().finished > 0);
            server.shutdown_now();
        }
    }
    let mut seen = Seen::default();
    for client in clients {
        seen.add(in_time("a client", || client.join().unwrap()));
    }
    let stats = stop(server);
    (seen, usize::try_from(stats.finished).unwrap())
}

fn judge(kind: Client, stops: &[Stop], rounds: usize) {
    for &stop_by in stops {
        let (mut seen, mut finished) = (Seen::default(), 0);
        for _ in 0..rounds {
            let (new_seen, new_finished) = round(kind, stop_by);
            seen.add(new_seen);
            finished += new_finished;
        }
        eprintln!("{kind:?}, {stop_by:?}: {seen:?}, finished: {finished}");
        assert_eq!(seen.cut, 0, "an end that looks good");
        assert!(finished <= seen.whole, "{finished} finished, {seen:?}");
        // Otherwise nothing keeps the server from sending it all. A reset is allowed,
        // but then the network must have been worse than this one is.
        assert!(stop_by == Stop::Cut || seen.reset * 10 <= seen.whole, "{seen:?}");
    }
}

const WELL: [Stop; 2] = [Stop::Later, Stop::Drain];

#[test]
fn replies_come_whole() {
    in_own_network("lossy::replies_come_whole", LOSSY, || {
        judge(Client::Talks, &WELL, 1);
        judge(Client::AsksAgain, &WELL, 1);
        judge(Client::HasEnded, &WELL, 1);
    });
}

#[test]
#[ignore = "known limit: a reply counts as finished when it is sent, not when it has arrived"]
fn a_reply_that_is_cut_off_after_its_handler_is_not_finished() {
    let test = "lossy::a_reply_that_is_cut_off_after_its_handler_is_not_finished";
    in_own_network(test, LOSSY, || {
        judge(Client::Talks, &[Stop::Cut], 20);
        judge(Client::AsksAgain, &[Stop::Cut], 20);
    });
}

#[test]
#[ignore = "takes a minute; `.ci/run` runs it"]
fn a_hundred_replies_to_clients_that_talk_come_whole() {
    let test = "lossy::a_hundred_replies_to_clients_that_talk_come_whole";
    in_own_network(test, LOSSY, || judge(Client::Talks, &WELL, 100 / CLIENTS));
}

#[test]
#[ignore = "takes a minute; `.ci/run` runs it"]
fn a_hundred_replies_to_clients_that_ask_again_come_whole() {
    let test = "lossy::a_hundred_replies_to_clients_that_ask_again_come_whole";
    in_own_network(test, LOSSY, || judge(Client::AsksAgain, &WELL, 100 / CLIENTS));
}

#[test]
#[ignore = "takes a minute; `.ci/run` runs it"]
fn a_hundred_replies_to_clients_that_have_ended_come_whole() {
    let test = "lossy::a_hundred_replies_to_clients_that_have_ended_come_whole";
    in_own_network(test, LOSSY, || judge(Client::HasEnded, &WELL, 100 / CLIENTS));
}
