//! Threaded servers after Python's `socketserver`.

mod acceptor;
mod builder;
mod connections;
mod event;
mod handle;
mod handler;
mod limits;
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
pub use event::{ClientAddress, Event, HandlerError, Outcome, Stats};
pub use handle::{RunningServer, ServerHandle};
pub use handler::RequestHandler;
pub use server::{Handled, ThreadedServer};
pub use stream::{Lines, StreamRequest, StreamWriter};
pub use tcp::{TcpRequest, TcpWriter};
pub use transport::{Datagrams, Stream, Transport};
pub use udp::{DatagramRequest, UdpRequest};
#[cfg(unix)]
pub use unix::{UnixDatagramRequest, UnixRequest, UnixWriter};
