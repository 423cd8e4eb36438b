//! Many clients on one thread.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{PATIENCE, say};

/// The longest that a whole crowd can take.
const LONGEST: Duration = Duration::from_secs(60);

/// What each client sends.
const REQUEST: [u8; 64] = [b'x'; 64];

/// Sends something, and prints what comes back.
pub(crate) fn ask(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    stream.write_all(message)?;
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply)?;
    say!("received {}", String::from_utf8_lossy(&reply));
    Ok(())
}

/// Connects this many clients, and waits until each has got one reply.
pub(crate) fn come(addr: &str, count: usize) -> io::Result<Vec<TcpStream>> {
    let more_descriptors = count + 100;
    allow(more_descriptors);
    let come = |_| {
        let mut stream = TcpStream::connect(addr)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        stream.write_all(b"x")?;
        stream.read_exact(&mut [0])?;
        Ok(stream)
    };
    (0..count).map(come).collect()
}

/// Lets each client send `requests` requests, one after the other. Returns how long each
/// reply took.
pub(crate) fn talk(clients: &[TcpStream], requests: usize) -> io::Result<Vec<Duration>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for client in clients {
            let client = client.try_clone()?;
            client.set_nonblocking(true)?;
            let client = tokio::net::TcpStream::from_std(client)?;
            tasks.push(tokio::spawn(one_talks(client, requests)));
        }
        let all = async {
            let mut took = Vec::new();
            for task in tasks {
                took.extend(task.await.map_err(io::Error::other)??);
            }
            Ok(took)
        };
        tokio::time::timeout(LONGEST, all).await.map_err(|_| ErrorKind::TimedOut)?
    })
}

async fn one_talks(
    mut client: tokio::net::TcpStream,
    requests: usize,
) -> io::Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(requests);
    for _ in 0..requests {
        let begin = Instant::now();
        client.write_all(&REQUEST).await?;
        client.read_exact(&mut [0; REQUEST.len()]).await?;
        took.push(begin.elapsed());
    }
    Ok(took)
}

/// Both: this many clients, and this many requests from each.
pub(crate) fn come_and_ask(
    addr: &str,
    clients: usize,
    requests: usize,
) -> io::Result<Vec<Duration>> {
    talk(&come(addr, clients)?, requests)
}

/// 99 of 100 replies took no longer than this, in milliseconds.
pub(crate) fn p99(took: &[Duration]) -> f64 {
    let mut took = took.to_vec();
    took.sort_unstable();
    let place = (took.len() * 99 / 100).min(took.len().saturating_sub(1));
    took.get(place).map_or(0.0, |it| it.as_secs_f64() * 1000.0)
}

/// Asks the system for this many file descriptors: many systems begin with 1024 or fewer.
/// The programs that this one starts inherit the limit. If the system refuses, `connect`
/// reports it.
#[cfg(unix)]
pub(crate) fn allow(descriptors: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    // Twice, because a crowd has two handles for each socket while it talks.
    let (limit, wanted) = (getrlimit(Resource::Nofile), 2 * descriptors as u64);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum: limit.maximum });
    }
}

/// The same where there's no such limit.
#[cfg(not(unix))]
pub(crate) fn allow(_: usize) {}
