//! Servers with a thread for each connection, after Python's `socketserver`: TCP, UDP
//! and Unix sockets, a handler to write, and a stop that works.
//!
//! It is a library to use and to read: it is the last lesson of a course on network
//! programming with threads. Every file of it is meant to be understood.
//!
//! # Hello, world!
//!
//! ```no_run
//! use std::io::{self, Read, Write};
//! use socketserver::{RequestHandler, TcpRequest, ThreadedServer};
//!
//! #[derive(Clone)]
//! struct Echo;
//!
//! impl RequestHandler for Echo {
//!     fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
//!         let mut data = [0; 1024];
//!         loop {
//!             let count = request.read(&mut data)?;
//!             if count == 0 {
//!                 return Ok(()); // the client has nothing more to say
//!             }
//!             request.write_all(&data[..count])?;
//!         }
//!     }
//! }
//!
//! fn main() -> io::Result<()> {
//!     ThreadedServer::tcp("127.0.0.1:65432", Echo)?.serve_forever()
//! }
//! ```
//!
//! Each client gets a thread and a clone of `Echo`. A client that is slow, silent or
//! gone disturbs no other.
//!
//! # Handlers
//!
//! A [`RequestHandler`] serves one client: `setup`, `handle`, `finish`. Its plain fields
//! belong to that client. What all clients share is an `Arc<Mutex<..>>` in it:
//!
//! ```
//! use std::io::{self, Write};
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use socketserver::{RequestHandler, TcpRequest};
//!
//! #[derive(Clone, Default)]
//! struct Counter {
//!     total: Arc<AtomicU32>, // everybody's
//!     lines: u32,            // this client's
//! }
//!
//! impl RequestHandler for Counter {
//!     fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
//!         while let Some(line) = request.lines().next() {
//!             line?;
//!             self.lines += 1;
//!             let total = self.total.fetch_add(1, Ordering::Relaxed) + 1;
//!             writeln!(request, "line {} of yours, {total} of all", self.lines)?;
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! For a few lines, a closure will do. [`ThreadedServer::spawn`] serves in the
//! background, and the server stops when what it returns is dropped:
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use socketserver::{TcpRequest, ThreadedServer};
//!
//! let server = ThreadedServer::tcp("127.0.0.1:0", |request: &mut TcpRequest| {
//!     request.write_all(b"Thank you for connecting")
//! })?
//! .spawn()?;
//!
//! let mut text = String::new();
//! TcpStream::connect(server.local_addr())?.read_to_string(&mut text)?;
//! assert_eq!(text, "Thank you for connecting");
//! # std::io::Result::Ok(())
//! ```
//!
//! # Datagrams
//!
//! A UDP handler gets a [`UdpRequest`]: one datagram. It answers if it wants to.
//!
//! ```
//! use std::net::UdpSocket;
//! use socketserver::{ThreadedServer, UdpRequest};
//!
//! let server = ThreadedServer::udp("127.0.0.1:0", |request: &mut UdpRequest| {
//!     request.reply(&request.data().to_ascii_uppercase())
//! })?
//! .spawn()?;
//!
//! let client = UdpSocket::bind("127.0.0.1:0")?;
//! client.send_to(b"hello", server.local_addr())?;
//! let mut answer = [0; 100];
//! let (count, _) = client.recv_from(&mut answer)?;
//! assert_eq!(&answer[..count], b"HELLO");
//! # std::io::Result::Ok(())
//! ```
//!
//! # Stopping
//!
//! A [`ServerHandle`] stops its server from anywhere, and at once. Nobody is let in any
//! more; who is in may finish. The server waits for them, but not for ever:
//!
//! ```no_run
//! use std::io::{self, BufRead, Write};
//! use std::time::Duration;
//! use socketserver::{TcpRequest, ThreadedServer};
//!
//! fn greet(request: &mut TcpRequest) -> io::Result<()> {
//!     let mut name = String::new();
//!     request.read_line(&mut name)?;
//!     writeln!(request, "Hello, {}!", name.trim_end())
//! }
//!
//! let server = ThreadedServer::builder()
//!     .drain_timeout(Duration::from_secs(10))
//!     .tcp("127.0.0.1:9013", greet)?;
//! let handle = server.handle();
//! handle.shutdown_on_ctrl_c()?; // a second Ctrl-C cuts everybody off
//! server.serve_forever()?;
//! println!("{}", handle.stats());
//! # io::Result::Ok(())
//! ```
//!
//! # Limits
//!
//! Every client costs a thread, so a server must not let a client keep one for nothing,
//! nor let in more than it can bear. All limits have defaults; a [`ServerBuilder`] sets
//! others: how many clients at once, how long they may be silent, how long a line may
//! be. It also sets the hooks, which hear of errors and of everything that happens.
//!
//! # Coming from Python
//!
//! The names are Python's where the thing is the same. The page [`coming_from_python`]
//! lists all of them, and [`socket_api`] those of Python's `socket`.
//!
//! # The course
//!
//! The [`lessons`] begin with a socket and end with servers for thousands. [`errors`] says
//! what the system's error messages mean.
//!
//! # Where it runs
//!
//! It is run and tested on Linux. macOS and Windows are supported by construction; the
//! page [`platforms`] says what differs there. What it survives, and which tests show it,
//! is on the page [`reliability`]. How fast it is, and when not to use threads, says
//! [`performance`].
//!
//! # Layout
//!
//! A request travels one way. The files, in the order in which it meets them:
//!
//! - `builder.rs`: how a server is made. `options.rs`: what was asked for.
//! - `tcp.rs`, `udp.rs`, `unix.rs`: the kinds of socket. `transport.rs`: what a server
//!   needs from each of them.
//! - `server.rs`: [`ThreadedServer`], which serves and stops.
//! - `acceptor.rs`: the accept loop of stream servers. `receivers.rs`: its counterpart
//!   for datagrams. `wake.rs`: how both wait, and how they are woken.
//! - `shared.rs`: what all threads of a server share, and a client's seat in it.
//!   `connections.rs`: who is here; asks them, or makes them, leave.
//! - `threads.rs`: the threads, started when needed, used again, counted.
//! - `handler.rs`: [`RequestHandler`], and how it is called.
//! - `stream.rs`: a connection as its handler sees it. `limits.rs`: how long reading and
//!   writing may take. `lines.rs`: how lines are found. `datagram.rs`: a datagram as its
//!   handler sees it.
//! - `handle.rs`: [`ServerHandle`] and [`RunningServer`], the server from outside.
//! - `event.rs`: what happens in a server, for hooks, logs and statistics.

mod acceptor;
mod builder;
mod connections;
mod datagram;
mod event;
mod handle;
mod handler;
mod limits;
mod lines;
mod options;
mod receivers;
mod server;
mod shared;
mod stream;
mod tcp;
mod threads;
mod transport;
mod udp;
#[cfg(unix)]
mod unix;
mod wake;

pub use builder::ServerBuilder;
pub use datagram::{DatagramRequest, UdpRequest};
pub use event::{ClientAddress, Event, HandlerError, Outcome, Stats};
pub use handle::{RunningServer, ServerHandle};
pub use handler::RequestHandler;
pub use server::{Handled, ThreadedServer, Transport};
pub use stream::{Lines, StreamRequest, StreamWriter, TcpRequest, TcpWriter};
pub use transport::{Datagrams, Stream};
#[cfg(unix)]
pub use unix::{UnixDatagramRequest, UnixRequest, UnixWriter};

#[cfg(any(doc, doctest))]
pub mod lessons;
#[cfg(any(doc, doctest))]
mod pages;
#[cfg(any(doc, doctest))]
pub use pages::{
    coming_from_python, errors, performance, platforms, reliability, socket_api,
};
