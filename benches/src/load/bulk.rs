//! Long messages: how fast bytes go through.

use std::io::{self, Read, Write};
use std::time::Instant;

use super::{Tally, Timing, connect, workers, wrong};
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// The size of a message.
const SIZE: usize = 64 * 1024;

/// Measures `connections` clients that each send 64 KiB, read them back, and compare.
/// The rate is in megabytes (10⁶ bytes) a second.
pub fn run(
    server: &mut Server,
    connections: usize,
    timing: Timing,
) -> io::Result<Sample> {
    let address = server.address;
    let sample = workers::run(server, connections, timing, |number, phase| {
        let mut stream = connect(address, number)?;
        let message: Vec<u8> =
            (0..SIZE).map(|place| (place * 31 + number) as u8).collect();
        let mut reply = vec![0; SIZE];
        let mut tally = Tally::default();
        while !phase.is_over() {
            let begin = Instant::now();
            stream.write_all(&message)?;
            stream.read_exact(&mut reply)?;
            if reply != message {
                return Err(wrong("the reply is wrong"));
            }
            if phase.counts() {
                tally.count(begin.elapsed());
            }
        }
        Ok(tally)
    });
    sample.map(|mut sample| {
        if let Some(rate) = sample.get(Metric::Rate) {
            sample.set(Metric::Rate, rate * SIZE as f64 / 1e6);
        }
        sample
    })
}
