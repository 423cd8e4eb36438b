//! Silent connections: what they cost, and whether they slow down other clients.

use std::io;
use std::time::Instant;

use super::request_response::Clients;
use super::{Timing, connect, measure};
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// Measures what `connections` idle connections cost the server, each, and how an active
/// client fares beside them. Each has had one reply, so its handler is running.
pub fn run(
    server: &mut Server,
    connections: usize,
    timing: Timing,
) -> io::Result<Sample> {
    let mut active = Clients::connect(server.address, 1)?;
    active.work(timing.warm_up)?;
    let alone = measure(server, || active.work(timing.measure / 2))?;

    let per_connection =
        |after: u64, before: u64| (after as f64 - before as f64) / connections as f64;
    let (memory, descriptors) = (server.memory()?, server.descriptors()?);
    let (threads, cpu) = (server.threads()?, server.cpu_time()?);
    let begin = Instant::now();
    let idle = (1..=connections)
        .map(|number| connect(server.address, number))
        .collect::<io::Result<Vec<_>>>()?;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = server.cpu_time()? - cpu;

    let mut sample = Sample::default();
    sample.set(Metric::Memory, per_connection(server.memory()?, memory));
    sample.set(Metric::Descriptors, per_connection(server.descriptors()?, descriptors));
    sample.set(Metric::Threads, per_connection(server.threads()?, threads));
    sample.set(Metric::Cpu, cpu.as_secs_f64() * 1e6 / connections as f64);
    sample.set(Metric::Seconds, seconds);

    active.work(timing.warm_up)?;
    let beside = measure(server, || active.work(timing.measure / 2))?;
    drop(idle);
    for (from, to) in [(&alone, Metric::P50Alone), (&beside, Metric::P50Beside)] {
        sample.set(to, from.get(Metric::P50).unwrap_or(f64::NAN));
    }
    Ok(sample)
}
