//! The clients. They are the same for all servers, and light: one thread serves many
//! connections, since the clients share the machine with the server.

mod beside;
mod bulk;
mod burst;
mod churn;
mod idle;
mod lossy;
mod message;
mod request_response;
mod stop;
mod tls;
mod udp;
mod workers;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub use beside::run as beside;
pub use bulk::run as bulk;
pub use burst::run as burst;
pub use churn::{marathon, run as churn};
pub use idle::run as idle;
pub use lossy::run as lossy;
pub use request_response::run as request_response;
pub use stop::run as stop;
pub use tls::{idle as tls_idle, talk as tls_talk, visits as tls_visits};
pub use udp::{burst as udp_burst, flood as udp_flood, run as udp, slow as udp_slow};

use crate::machine;
use crate::sample::{Metric, Sample};
use crate::server::Server;
use message::Message;

/// How long a client works in one run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    /// First this long, which is not counted,
    pub warm_up: Duration,
    /// then this long.
    pub measure: Duration,
}

/// How long a client waits for something that should arrive at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that has had one reply, so its handler is running.
fn connect(server: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(&mut stream, Message::first_of(number))?;
    Ok(stream)
}

/// Sends a message and compares what comes back.
fn exchange(stream: &mut TcpStream, message: Message) -> io::Result<()> {
    stream.write_all(&message.bytes())?;
    let mut reply = [0; Message::SIZE];
    stream.read_exact(&mut reply)?;
    message.compare(&reply)
}

/// Runs `work`, and reads the server's processor time before and after. Also reads the
/// whole machine's, to notice other busy programs.
fn measure(
    server: &mut Server,
    work: impl FnOnce() -> io::Result<Tally>,
) -> io::Result<Sample> {
    let (busy, own) = (machine::busy_time(), machine::cpu_time());
    let cpu = server.cpu_time()?;
    let begin = Instant::now();
    let tally = work()?;
    let seconds = begin.elapsed().as_secs_f64();
    let cpu = server.cpu_time()? - cpu;
    let ours = machine::cpu_time() - own + cpu;
    let others = machine::busy_time() - busy - ours.as_secs_f64();
    let mut sample = tally.into_sample(seconds, cpu);
    sample.set(Metric::Others, others / (seconds * machine::cores() as f64));
    Ok(sample)
}

/// What a client reports.
#[derive(Default)]
struct Tally {
    operations: u64,
    /// How long each took, in nanoseconds.
    latencies: Vec<u32>,
}

impl Tally {
    fn count(&mut self, latency: Duration) {
        self.operations += 1;
        self.latencies.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    fn add(&mut self, other: Self) {
        self.operations += other.operations;
        self.latencies.extend(other.latencies);
    }

    fn into_sample(mut self, seconds: f64, cpu: Duration) -> Sample {
        let operations = self.operations as f64;
        let mut sample = Sample::default();
        sample.set(Metric::Rate, operations / seconds);
        sample.set(Metric::Cpu, cpu.as_secs_f64() * 1e6 / operations.max(1.0));
        sample.set(Metric::P50, self.percentile(50));
        sample.set(Metric::P99, self.percentile(99));
        sample
    }

    /// In microseconds.
    fn percentile(&mut self, percent: usize) -> f64 {
        if self.latencies.is_empty() {
            return f64::NAN;
        }
        let place = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        f64::from(*self.latencies.select_nth_unstable(place).1) / 1e3
    }
}

/// An error for a reply that isn't what was sent, or that doesn't arrive.
fn wrong(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
