//! Long replies on a network that loses packets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc::{self, Sender};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use super::PATIENCE;
use crate::sample::{Metric, Sample};
use crate::server::Server;
use crate::servers::long_reply;

/// How many clients get a reply at the same time.
const CLIENTS: usize = 4;

/// How long a client waits for the next bytes. The system doubles its pause before it
/// sends a packet again, so a packet that is lost several times takes seconds.
const LOSSY_PATIENCE: Duration = Duration::from_secs(30);

/// How a reply ended.
#[derive(PartialEq)]
enum End {
    Whole,
    /// Too early, and the client can tell.
    Reset,
    /// Too early, and it looks like the end.
    Cut,
}

/// Measures how many replies come whole, and how long they take. Clients that talk go on
/// sending meanwhile. If `stops`, the server is stopped when all replies have begun.
pub fn run(server: &mut Server, talks: bool, stops: bool) -> io::Result<Sample> {
    let address = server.address;
    let mut sample = Sample::default();
    let replies = thread::scope(|scope| {
        let (begin, begun) = mpsc::channel();
        let clients = [(); CLIENTS].map(|()| {
            let begin = begin.clone();
            scope.spawn(move || take_reply(address, talks, begin))
        });
        drop(begin); // so that `begun` ends if a client fails
        if stops {
            begun.iter().take(CLIENTS).for_each(drop);
            let stopped = server.stop()?;
            sample.set(Metric::StopTime, stopped.took.as_secs_f64() * 1e3);
        }
        clients.into_iter().map(join).collect::<io::Result<Vec<_>>>()
    })?;
    let count = |end| replies.iter().filter(|reply| reply.0 == end).count() as f64;
    sample.set(Metric::Whole, count(End::Whole));
    sample.set(Metric::Reset, count(End::Reset));
    sample.set(Metric::Cut, count(End::Cut));
    let whole = replies.iter().filter(|reply| reply.0 == End::Whole);
    if let Some(slowest) = whole.map(|reply| reply.1).max() {
        sample.set(Metric::ReplyTime, slowest.as_secs_f64() * 1e3);
    }
    Ok(sample)
}

/// Asks, and takes the reply. Says when it begins to come.
fn take_reply(
    server: SocketAddr,
    talks: bool,
    begin: Sender<()>,
) -> io::Result<(End, Duration)> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(LOSSY_PATIENCE))?;
    let asked = Instant::now();
    stream.write_all(b"?")?;
    let mut reply = vec![0];
    stream.read_exact(&mut reply)?;
    let _ = begin.send(()); // nobody listens if the server isn't stopped
    let (end, was_told) = thread::scope(|scope| {
        let talker = talks.then(|| scope.spawn(|| talk(&stream)));
        let end = (&stream).read_to_end(&mut reply);
        let _ = stream.shutdown(Shutdown::Both); // ends the talker, too
        // The system tells of a reset only once: the reader, or the talker.
        let was_told = talker.map_or(Ok(false), join)?;
        Ok::<_, io::Error>((end, was_told))
    })?;
    let took = asked.elapsed();
    let end = match end {
        _ if reply == long_reply() => End::Whole,
        Ok(_) if !was_told => End::Cut,
        Err(error) if error.kind() != ErrorKind::ConnectionReset => return Err(error),
        _ => End::Reset,
    };
    Ok((end, took))
}

/// Sends a byte every millisecond until it can't any more. Returns whether that is because
/// of a reset.
fn talk(mut stream: &TcpStream) -> io::Result<bool> {
    loop {
        if let Err(error) = stream.write_all(b"x") {
            return Ok(error.kind() == ErrorKind::ConnectionReset);
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn join<T>(thread: ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}
