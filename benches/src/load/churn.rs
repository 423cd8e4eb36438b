//! Connect, one message there and back, close: what a thread's birth and death cost.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use socket2::{Domain, Socket, Type};

use super::message::Message;
use super::{PATIENCE, Tally, Timing, exchange, workers};
use crate::sample::Sample;
use crate::server::Server;

/// Each connection leaves its port in use for a minute after its end (`TIME_WAIT`). So
/// the clients come from several addresses, each with ports of its own.
const SOURCES: std::ops::Range<u8> = 2..34;

/// Measures `loops` clients that connect again and again.
pub fn run(server: &mut Server, loops: usize, timing: Timing) -> io::Result<Sample> {
    let address = server.address;
    workers::run(server, loops, timing, |number, phase| {
        let mut tally = Tally::default();
        let mut message = Message::first_of(number);
        let mut sources = SOURCES.cycle().skip(number);
        while !phase.is_over() {
            let source = sources.next().unwrap_or(SOURCES.start);
            let begin = Instant::now();
            let mut stream = connect_from(source, address)?;
            exchange(&mut stream, message)?;
            if phase.counts() {
                tally.count(begin.elapsed());
            }
            message = message.next();
        }
        Ok(tally)
    })
}

/// Connects from 127.0.0.`source`.
fn connect_from(source: u8, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.bind(&SocketAddr::from(([127, 0, 0, source], 0)).into())?;
    socket.connect(&server.into())?;
    Ok(socket.into())
}
