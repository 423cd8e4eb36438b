//! Connect, one message there and back, close: what starting and ending a thread costs.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::message::Message;
use super::{PATIENCE, Tally, Timing, exchange, workers};
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// Each connection leaves its port in use for a minute after its end (`TIME_WAIT`). So
/// the clients use several addresses, each with its own ports.
const SOURCES: std::ops::Range<u8> = 2..34;

/// Measures `loops` clients that connect again and again.
pub fn run(server: &mut Server, loops: usize, timing: Timing) -> io::Result<Sample> {
    let address = server.address;
    workers::run(server, loops, timing, |number, phase| {
        let mut tally = Tally::default();
        let mut message = Message::first_of(number);
        let mut sources = SOURCES.cycle().skip(number);
        while !phase.is_over() {
            let begin = Instant::now();
            visit(address, sources.next(), message)?;
            if phase.counts() {
                tally.count(begin.elapsed());
            }
            message = message.next();
        }
        Ok(tally)
    })
}

/// How many clients to serve before the first measurement, so that the server has grown
/// to its usual size.
const FIRST: usize = 10_000;

/// Measures how much memory the server has after the first ten thousand of `connects`
/// clients, and after the last.
pub fn marathon(server: &mut Server, connects: usize) -> io::Result<Sample> {
    let mut sample = Sample::default();
    visit_often(server.address, FIRST)?;
    sample.set(Metric::MemoryFirst, server.memory()? as f64);
    let begin = Instant::now();
    visit_often(server.address, connects - FIRST)?;
    sample.set(Metric::Rate, (connects - FIRST) as f64 / begin.elapsed().as_secs_f64());
    sample.set(Metric::MemoryLast, server.memory()? as f64);
    Ok(sample)
}

/// Lets 32 clients at a time connect, until there were `count` connections in all.
fn visit_often(server: SocketAddr, count: usize) -> io::Result<()> {
    const LOOPS: usize = 32;
    thread::scope(|scope| {
        let visit_often = |number: usize| {
            let mut message = Message::first_of(number);
            let mut sources = SOURCES.cycle().skip(number);
            for _ in (number..count).step_by(LOOPS) {
                visit(server, sources.next(), message)?;
                message = message.next();
            }
            Ok(())
        };
        let clients: Vec<_> =
            (0..LOOPS).map(|number| scope.spawn(move || visit_often(number))).collect();
        clients.into_iter().try_for_each(|client| {
            client.join().unwrap_or_else(|_| Err(io::Error::other("panic")))
        })
    })
}

/// Connects, has one message echoed, and closes.
pub(super) fn visit(
    server: SocketAddr,
    source: Option<u8>,
    message: Message,
) -> io::Result<()> {
    let mut stream = connect_from(source.unwrap_or(SOURCES.start), server)?;
    exchange(&mut stream, message)
}

/// Connects from 127.0.0.`source`.
pub(super) fn connect_from(source: u8, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.bind(&SocketAddr::from(([127, 0, 0, source], 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}
