//! The servers to compare. Each runs in a separate process: this same program, started
//! again as `server NAME SETUP`.

mod control;
mod mio_loop;
mod ours;
mod std_threads;
mod thread_pool;
mod tokio_tasks;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::machine;
use crate::setup::{Setup, Task};

/// Runs the server called `name` until the harness stops it.
pub fn run(name: &str, setup: Setup) -> io::Result<()> {
    if let Some(core) = setup.core {
        machine::pin_to(core)?;
    }
    match name {
        "std" => std_threads::tcp(setup),
        "std-stoppable" => std_threads::stoppable(setup),
        "tls-std" => std_threads::tls(setup),
        "tls-socketserver" => ours::tls(setup),
        "socketserver" => ours::tcp(setup),
        "socketserver-patient" => ours::patient(setup),
        "tokio" => tokio_tasks::tcp(setup),
        "mio" => mio_loop::tcp(setup),
        "threadpool" => thread_pool::tcp(setup),
        "udp-std" => std_threads::udp(),
        "udp-spawn" => std_threads::udp_spawn(),
        "udp-socketserver" => ours::udp(),
        "udp-tokio" => tokio_tasks::udp(),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("there is no server called {name:?}"),
        )),
    }
}

/// What every threaded TCP server here does for its client, ours too.
fn handler<S: Read + Write>(setup: Setup) -> fn(&mut S) -> io::Result<()> {
    match setup.task {
        Task::Echo => |stream| echo::<SMALL>(stream, |_| {}),
        Task::Bulk => |stream| echo::<LARGE>(stream, |_| {}),
        Task::Slow => |stream| echo::<SMALL>(stream, work_on),
        Task::LongReply => |stream| {
            stream.read_exact(&mut [0])?;
            stream.write_all(&long_reply())
        },
    }
}

fn echo<const N: usize>(
    stream: &mut (impl Read + Write),
    work_on: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut data = [0; N];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        work_on(&data[..count]);
        stream.write_all(&data[..count])?;
    }
}

/// The size of `data` in [`echo`] for short messages, and for bulk.
const SMALL: usize = 512;
const LARGE: usize = 64 * 1024;

/// What a server sends on the network that loses packets: much more than the system takes
/// at once.
pub fn long_reply() -> Vec<u8> {
    (0..300_000).map(|place| (place / 1000) as u8).collect()
}

/// What every UDP server here does before it sends the datagram back, and every TCP server
/// that takes its time: some messages make it wait, some make it compute.
fn work_on(message: &[u8]) {
    if message.starts_with(b"slow") {
        thread::sleep(Duration::from_millis(50));
    } else if message.starts_with(b"busy") {
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(20) {}
    }
}

/// A certificate for `localhost` and its key, new each time, in PEM format.
fn certificate() -> io::Result<(String, String)> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    let made = made.map_err(io::Error::other)?;
    Ok((made.cert.pem(), made.signing_key.serialize_pem()))
}

/// A listening socket for the peers, with the standard library's own backlog unless the
/// setup says otherwise.
fn listen(setup: Setup) -> io::Result<TcpListener> {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let Some(backlog) = setup.backlog else { return TcpListener::bind(address) };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}
