//! Short visits beside clients whose handlers take their time.

use std::io::{self, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::churn::{connect_from, visit};
use super::message::Message;
use super::{Tally, Timing, workers, wrong};
use crate::sample::Sample;
use crate::server::Server;

/// How many clients make short visits.
const VISITORS: usize = 16;

/// How long each of them pauses between two visits.
const PAUSE: Duration = Duration::from_millis(5);

/// Measures how long short visits take while `others` clients connect, make the handler
/// wait for 50 milliseconds, or compute for 20 if `busy`, and close, again and again.
pub fn run(
    server: &mut Server,
    others: usize,
    busy: bool,
    timing: Timing,
) -> io::Result<Sample> {
    let address = server.address;
    workers::run(server, VISITORS + others, timing, |number, phase| {
        let mut tally = Tally::default();
        let mut message = Message::first_of(number);
        let source = number as u8 + 2;
        while !phase.is_over() {
            if number >= VISITORS {
                let question = if busy { b"busy" } else { b"slow" };
                let mut stream = connect_from(source, address)?;
                stream.write_all(question)?;
                let mut reply = [0; 4];
                stream.read_exact(&mut reply)?;
                if reply != *question {
                    return Err(wrong("the reply is wrong"));
                }
                continue;
            }
            let begin = Instant::now();
            visit(address, Some(source), message)?;
            if phase.counts() {
                tally.count(begin.elapsed());
            }
            message = message.next();
            thread::sleep(PAUSE);
        }
        Ok(tally)
    })
}
