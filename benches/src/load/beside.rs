//! Short connections beside clients whose handlers are slow.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::churn::{connect_from, visit};
use super::message::Message;
use super::workers::{self, Phase};
use super::{Tally, Timing, wrong};
use crate::sample::Sample;
use crate::server::Server;

/// How many clients make short connections.
const VISITORS: usize = 16;

/// How long each of them pauses between two connections.
const PAUSE: Duration = Duration::from_millis(5);

/// Measures how long short connections take while `others` clients connect, make the
/// handler wait for 50 milliseconds, or compute for 20 if `busy`, and close, again and
/// again.
pub fn run(
    server: &mut Server,
    others: usize,
    busy: bool,
    timing: Timing,
) -> io::Result<Sample> {
    let address = server.address;
    let question = if busy { b"busy" } else { b"slow" };
    workers::run(server, VISITORS + others, timing, |number, phase| {
        let source = number as u8 + 2;
        if number < VISITORS {
            return come_and_go(address, source, phase);
        }
        while !phase.is_over() {
            ask(address, source, question)?;
        }
        Ok(Tally::default())
    })
}

/// Makes short connections, and counts them.
fn come_and_go(server: SocketAddr, source: u8, phase: &Phase) -> io::Result<Tally> {
    let mut tally = Tally::default();
    let mut message = Message::first_of(source.into());
    while !phase.is_over() {
        let begin = Instant::now();
        visit(server, Some(source), message)?;
        if phase.counts() {
            tally.count(begin.elapsed());
        }
        message = message.next();
        thread::sleep(PAUSE);
    }
    Ok(tally)
}

/// Connects, sends a request that takes a while, and closes.
fn ask(server: SocketAddr, source: u8, question: &[u8; 4]) -> io::Result<()> {
    let mut stream = connect_from(source, server)?;
    stream.write_all(question)?;
    let mut reply = [0; 4];
    stream.read_exact(&mut reply)?;
    if reply == *question { Ok(()) } else { Err(wrong("the reply is wrong")) }
}
