//! How long a server takes to stop.

use std::io;

use super::{connect, wrong};
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// Measures how long the server takes from being told to stop until it has stopped, with
/// this many idle connections. If there are none, one client has connected and left
/// before.
pub fn run(server: &mut Server, connections: usize) -> io::Result<Sample> {
    let mut clients = (0..connections.max(1))
        .map(|number| connect(server.address, number))
        .collect::<io::Result<Vec<_>>>()?;
    clients.truncate(connections);
    let stopped = server.stop()?;
    if (stopped.finished as usize) < connections {
        return Err(wrong(format!(
            "only {} of {connections} connections were drained",
            stopped.finished
        )));
    }
    let mut sample = Sample::default();
    sample.set(Metric::StopTime, stopped.took.as_secs_f64() * 1e3);
    Ok(sample)
}
