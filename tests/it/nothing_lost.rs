//! Whenever a server is stopped, no reply is lost and no client hangs.
//!
//! 32 clients send requests and get replies, again and again, and at a random moment the
//! server is shut down. Every reply that was begun arrives whole. Every client sees a
//! clean end, never a reset. The server and the clients count the same number of
//! replies. No thread and no descriptor is left. All this happens two hundred times.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::unbounded;
use socketserver::{Address, RequestHandler, ServerBuilder, StreamRequest, TcpRequest};

use crate::leaks::{Belongings, Random};
use crate::process::in_own_process;
use crate::support::{
    Client, PATIENCE, Server, connect, connect_unix, options, read_all, run, stop, tcp,
    wait_until,
};

const CLIENTS: usize = 32;
const ROUNDS: u64 = 100;
/// The largest reply, in bytes.
const LARGEST: usize = 20_000;

/// Each line is a number; replies with that many bytes. Counts the replies.
#[derive(Debug, Clone)]
pub(crate) struct ByLines(pub(crate) Arc<AtomicU64>);

impl<A: Address> RequestHandler<StreamRequest<A>> for ByLines {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        while let Some(line) = request.next_line()? {
            let size: usize = line.parse().expect("a number");
            self.0.fetch_add(1, Ordering::SeqCst);
            // In several writes: a reply that was begun must be ended too.
            for piece in reply(size).chunks(5000) {
                request.write_all(piece)?;
            }
        }
        Ok(())
    }
}

/// Sends back what it reads. Counts the bytes.
#[derive(Debug, Clone)]
struct ByBytes(Arc<AtomicU64>);

impl<A: Address> RequestHandler<StreamRequest<A>> for ByBytes {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        let mut data = [0; 4096];
        loop {
            let count = request.read(&mut data)?;
            if count == 0 {
                return Ok(());
            }
            self.0.fetch_add(count as u64, Ordering::SeqCst);
            request.write_all(&data[..count])?;
        }
    }
}

/// `size` bytes, each of which depends on its place.
fn reply(size: usize) -> &'static [u8] {
    static BYTES: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..LARGEST).map(|place| (place % 251) as u8).collect());
    &BYTES[..size]
}

/// Asks by lines until the server ends the connection. Returns how many replies came,
/// and fails when one was not whole or the end was not clean.
pub(crate) fn converse_by_lines(
    mut client: impl Read + Write,
    random: &mut Random,
) -> u64 {
    let mut replies = 0;
    loop {
        let size = 1 + random.below(LARGEST as u64) as usize;
        let sent = client.write_all(format!("{size}\n").as_bytes());
        let answer = read_up_to(&mut client, size);
        match (answer.len(), sent) {
            (0, _) => return replies, // the server had closed it, so sending may fail
            (length, Ok(())) if length == size => assert_eq!(answer, reply(size)),
            (length, sent) => panic!("{length} bytes of {size} have come ({sent:?})"),
        }
        replies += 1;
    }
}

/// Sends bytes and expects them back until the server ends the connection. Returns how
/// many bytes came.
fn converse_by_bytes(mut client: impl Read + Write, random: &mut Random) -> u64 {
    let mut bytes = 0;
    loop {
        let question = reply(1 + random.below(4000) as usize);
        let sent = client.write_all(question);
        let answer = read_up_to(&mut client, question.len());
        assert_eq!(answer, question[..answer.len()]);
        bytes += answer.len() as u64;
        if answer.len() < question.len() || sent.is_err() {
            return bytes;
        }
    }
}

/// `size` bytes, or fewer if the end comes before. Anything but a clean end fails.
fn read_up_to(client: &mut impl Read, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.take(size as u64).read_to_end(&mut bytes).expect("a clean end");
    bytes
}

/// Options under which no client is cut off, however busy the machine is.
fn patient() -> ServerBuilder {
    options().drain_timeout(None)
}

/// One round. In the life of a client, it connects, then talks to the end, and returns
/// what it has counted.
fn round<A: Clone + Send + 'static, C: 'static>(
    server: Server<A>,
    served: &AtomicU64,
    random: &mut Random,
    connect: fn(A) -> C,
    converse: fn(C, &mut Random) -> u64,
) {
    let (connecting, connected) = unbounded();
    let (ending, ended) = unbounded();
    for _ in 0..CLIENTS {
        let (address, mut random) =
            (server.local_addr(), Random(random.below(u64::MAX)));
        let (connecting, ending) = (connecting.clone(), ending.clone());
        thread::spawn(move || {
            let client = connect(address);
            connecting.send(()).unwrap();
            ending.send(converse(client, &mut random))
        });
    }
    drop((connecting, ending));
    for _ in 0..CLIENTS {
        connected.recv_timeout(PATIENCE).expect("each client connects");
    }
    wait_until("all are accepted", || server.stats().active == CLIENTS);
    thread::sleep(Duration::from_micros(random.below(3000)));
    let stats = stop(server);
    let expected = CLIENTS as u64;
    assert_eq!((stats.finished, stats.accepted), (expected, expected), "{stats}");
    // A client that panics sends nothing.
    let counts = (0..CLIENTS).map(|_| ended.recv_timeout(PATIENCE));
    let seen: u64 = counts.sum::<Result<u64, _>>().expect("each client ends well");
    assert_eq!(seen, served.load(Ordering::SeqCst), "replies seen and replies sent");
}

/// Many rounds. `one` makes a server, and plays one of them.
fn rounds(test: &str, mut one: impl FnMut(bool, &Arc<AtomicU64>, &mut Random)) {
    in_own_process(test, || {
        let before = Belongings::now();
        for number in 0..ROUNDS {
            one(number % 2 == 0, &Arc::default(), &mut Random(number));
            before.assert_back(&format!("round {number}"));
        }
    });
}

#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn tcp_clients_lose_nothing_whenever_the_server_is_stopped() {
    let test = "nothing_lost::tcp_clients_lose_nothing_whenever_the_server_is_stopped";
    rounds(test, |by_lines, served, random| {
        if by_lines {
            let server = tcp(patient(), ByLines(served.clone()));
            round(server, served, random, connect, converse_by_lines);
        } else {
            let server = tcp(patient(), ByBytes(served.clone()));
            round(server, served, random, connect, converse_by_bytes);
        }
    });
}

#[cfg(unix)]
#[test]
#[ignore = "takes ten seconds; `.ci/run` runs it"]
fn unix_clients_lose_nothing_whenever_the_server_is_stopped() {
    let test = "nothing_lost::unix_clients_lose_nothing_whenever_the_server_is_stopped";
    let dir = crate::support::TempDir::new();
    let path = dir.path("socket");
    let connect = |path: std::path::PathBuf| connect_unix(&path);
    rounds(test, |by_lines, served, random| {
        if by_lines {
            let server = patient().unix(&path, ByLines(served.clone())).unwrap();
            round(run(server), served, random, connect, converse_by_lines);
        } else {
            let server = patient().unix(&path, ByBytes(served.clone())).unwrap();
            round(run(server), served, random, connect, converse_by_bytes);
        }
    });
}

/// Less than the system buffers, so that writing it does not wait, but more than it
/// sends at once to a client that does not read.
const UNSENT: usize = 300_000;

/// The client goes on sending while a large reply is on its way. What it sends comes too
/// late to be read, and must not reset the connection before the whole reply is there.
#[test]
fn a_client_that_goes_on_sending_gets_the_whole_reply() {
    let (replying, replied) = unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        request.read_exact(&mut [0])?;
        request.write_all(&[b'r'; UNSENT])?;
        replying.send(()).unwrap();
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"?").unwrap();
    replied.recv_timeout(PATIENCE).unwrap();
    send_on(&client);
    assert_eq!(read_all(client).len(), UNSENT);
    assert_eq!(stop(server).finished, 1);
}

#[test]
fn a_client_that_goes_on_sending_gets_the_whole_reply_of_a_server_that_stops() {
    let (replying, replied) = unbounded();
    let server = tcp(options(), move |request: &mut TcpRequest| {
        request.read_exact(&mut [0])?;
        request.write_all(&[b'r'; UNSENT])?;
        replying.send(()).unwrap();
        while request.read(&mut [0])? > 0 {}
        replying.send(()).unwrap();
        Ok(())
    });
    let mut client = connect(server.local_addr());
    client.write_all(b"?").unwrap();
    replied.recv_timeout(PATIENCE).unwrap();
    server.shutdown();
    replied.recv_timeout(PATIENCE).unwrap();
    send_on(&client);
    assert_eq!(read_all(client).len(), UNSENT);
    assert_eq!(stop(server).finished, 1);
}

/// Sends for a moment. Whether that does any harm, reading will tell.
fn send_on(mut client: &Client) {
    for _ in 0..30 {
        let _ = client.write_all(b"and another thing");
        thread::sleep(Duration::from_millis(1));
    }
}
