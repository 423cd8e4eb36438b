//! Thread-per-connection servers, modelled on Python's `socketserver`: TCP, UDP and Unix
//! sockets, a handler to write, and a clean shutdown.
//!
//! A course comes with it: its [`lessons`] begin with [a first server by hand][first] and
//! end with servers for many clients, and the library's own code is meant to be read as the
//! last of them. (For Python's names, see [`coming_from_python`]; for what an error message
//! means, [`errors`].)
//!
//! [first]: lessons::lesson_01
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
//! gone doesn't disturb the others.
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
//!     total: Arc<AtomicU32>, // shared by all clients
//!     lines: u32,            // this client's own
//! }
//!
//! impl RequestHandler for Counter {
//!     fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
//!         while request.next_line()?.is_some() {
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
//! A UDP handler gets a [`UdpRequest`]: one datagram. It replies if it wants to.
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
//! A [`ServerHandle`] stops its server from anywhere, and at once. No new clients are
//! accepted; connected ones can finish. The server waits for them, but not forever:
//!
//! ```no_run
//! use std::io::{self, Write};
//! use std::time::Duration;
//! use socketserver::{TcpRequest, ThreadedServer};
//!
//! fn greet(request: &mut TcpRequest) -> io::Result<()> {
//!     let name = request.next_line()?.unwrap_or_default();
//!     writeln!(request, "Hello, {name}!")
//! }
//!
//! let server = ThreadedServer::builder()
//!     .drain_timeout(Duration::from_secs(10))
//!     .tcp("127.0.0.1:9013", greet)?;
//! let handle = server.handle();
//! handle.shutdown_on_ctrl_c()?; // a second Ctrl-C cuts off what is left
//! server.serve_forever()?;
//! println!("{}", handle.stats());
//! # io::Result::Ok(())
//! ```
//!
//! # Limits
//!
//! Every client takes up a thread, so a server must not let an idle client hold one
//! indefinitely, or accept more clients than it can handle. All limits have defaults; a
//! [`ServerBuilder`] sets others: how many clients at once, how long they can be silent, how
//! long a line can be. It also sets the hooks, which are called with errors and with
//! every event.
//!
//! # Encryption
//!
//! The feature `tls` adds encryption, with `rustls`: `features = ["tls"]` in your
//! `Cargo.toml`. A server then takes a certificate, and nothing else changes, neither its
//! handler nor how it stops:
//!
//! ```no_run
//! # #[cfg(feature = "tls")] {
//! use std::io::Write;
//! use socketserver::{Certificate, TcpRequest, ThreadedServer};
//!
//! let certificate = Certificate::from_files("certificate.pem", "key.pem")?;
//! let server = ThreadedServer::builder()
//!     .tls(certificate)
//!     .tcp("127.0.0.1:8443", |request: &mut TcpRequest| {
//!         request.write_all(b"Nobody else can read this.")
//!     })?;
//! server.serve_forever()?;
//! # }
//! # std::io::Result::Ok(())
//! ```
//!
//! # Coming from Python
//!
//! The names are Python's where the thing is the same. The page [`coming_from_python`]
//! lists all of them, and [`socket_api`] those of Python's `socket`.
//!
//! # Where it runs
//!
//! It is run and tested on Linux. macOS and Windows are supported by construction; the
//! page [`platforms`] says what differs there. The page [`reliability`] says what it survives,
//! and which tests show it; [`performance`], how fast it is, and when not to use threads.
//!
//! # Layout
//!
//! Four folders, and a few files beside them. Each item of this list uses only items above
//! it. So if you read the code in this order, you never have to jump ahead:
//!
//! 1. The basic types: `address.rs` (a client's address), `error.rs` (why a connection ended
//!    badly), `event.rs` (what happens in a server), `certificate.rs` (how a server proves
//!    its identity), `options.rs` (what a builder sets).
//! 2. `socket/`, the sockets: `wake.rs`, the one place where threads wait; `bind.rs` and
//!    `unix.rs`, how sockets get their addresses; `connection.rs`, `closing.rs` and
//!    `datagrams.rs`, how sockets are read, written and closed; `tls.rs`, how connections are
//!    encrypted.
//! 3. `state/`, what all threads of a server share: `connections.rs`, which clients are
//!    here; `threads.rs`, the threads; `complain.rs`, what is reported if there is no hook;
//!    `mod.rs`, how a server stops; `guard.rs`, a client's place in the server; `signals.rs`
//!    and `handle.rs`, the server from outside.
//! 4. `request/`, what a handler gets: `timeouts.rs`, `source.rs`, `lines.rs`, `writer.rs`,
//!    `stream.rs`, `datagram.rs`.
//! 5. `handler.rs`: [`RequestHandler`], what you write.
//! 6. `serve/`, the server itself: `mod.rs`, [`ThreadedServer`]; `pacing.rs`, when it waits;
//!    `accept.rs`, the accept loop; `receive.rs`, the same for datagrams; `transport.rs`, the
//!    sockets that a server can be made from.
//! 7. `builder.rs`, [`ServerBuilder`], and `servers.rs`, the kinds of server.

mod address;
mod builder;
#[cfg(feature = "tls")]
mod certificate;
mod error;
mod event;
mod handler;
mod options;
mod request;
mod serve;
mod servers;
mod socket;
mod state;

pub use address::{Address, ClientAddress};
pub use builder::ServerBuilder;
#[cfg(feature = "tls")]
pub use certificate::Certificate;
pub use error::{HandlerError, LineError};
pub use event::{Event, Outcome, Stats};
pub use handler::RequestHandler;
pub use request::datagram::{DatagramRequest, UdpRequest};
pub use request::stream::{StreamRequest, TcpRequest};
pub use request::writer::{StreamWriter, TcpWriter};
#[cfg(unix)]
pub use request::{datagram::UnixDatagramRequest, stream::UnixRequest};
pub use serve::transport::Transport;
pub use serve::{Handled, ThreadedServer};
pub use state::handle::{RunningServer, ServerHandle};

// The long pages exist only in the documentation, and their excerpts aren't run.
#[cfg(all(doc, not(doctest)))]
mod pages;
#[cfg(all(doc, not(doctest)))]
pub use pages::{
    coming_from_python, errors, lessons, performance, platforms, reliability,
    socket_api, teachers,
};

/// The README's program must compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
