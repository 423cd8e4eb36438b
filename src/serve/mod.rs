//! The server itself: it accepts clients, and stops well.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::HandlerError;
use crate::options::Setup;
use crate::socket::SocketFile;
use crate::socket::datagrams::DatagramSocket;
use crate::socket::wake::after;
use crate::socket::wakes::Wakes;
use crate::state::Shared;
use crate::state::complain::complain;
use crate::state::handle::{RunningServer, ServerHandle};

pub(crate) mod accept;
mod pacing;
pub(crate) mod receive;
pub(crate) mod transport;

/// A server with a thread for each connection.
///
/// Creating it binds the socket. It starts serving when you call
/// [`serve_forever`](Self::serve_forever) (on this thread), [`spawn`](Self::spawn) (in the
/// background) or [`handle_request`](Self::handle_request) (one client). It mirrors
/// `ThreadingTCPServer` and its siblings in Python's `socketserver`.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::tcp("127.0.0.1:0", |request: &mut TcpRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?;
/// let address = server.local_addr();
/// let running = server.spawn()?;
///
/// let mut text = String::new();
/// TcpStream::connect(address)?.read_to_string(&mut text)?;
/// assert_eq!(text, "Thank you for connecting");
/// running.shutdown();
/// running.join()?;
/// # std::io::Result::Ok(())
/// ```
///
/// A Unix server is the same with a path for an address:
///
/// ```no_run
/// # #[cfg(unix)] {
/// use std::io::Write;
/// use socketserver::{ThreadedServer, UnixRequest};
///
/// let server = ThreadedServer::unix("/tmp/greeting.sock", |request: &mut UnixRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?;
/// server.serve_forever()?;
/// # }
/// # std::io::Result::Ok(())
/// ```
///
/// Dropping a server that never served closes its socket, and resets the connections of
/// clients that wait in the queue.
#[must_use = "a server does nothing until you let it serve"]
pub struct ThreadedServer<A = SocketAddr> {
    handle: ServerHandle<A>,
    /// Owned here and by the threads that wait for a socket, so that no handle keeps them.
    wakes: Arc<Wakes>,
    /// The file of a Unix socket. Dropped before the socket.
    file: Option<SocketFile>,
    /// Taken at the end.
    service: Option<Box<dyn Service>>,
}

/// What [`ThreadedServer::handle_request`] did.
///
/// ```
/// use std::io::Write;
/// use std::time::Duration;
/// use socketserver::{Handled, TcpRequest, ThreadedServer};
///
/// let mut server = ThreadedServer::tcp("127.0.0.1:0", |request: &mut TcpRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?;
/// match server.handle_request(Duration::from_millis(10))? {
///     Handled::Served => println!("served one client"),
///     Handled::TimedOut => println!("no client came"),
///     Handled::Stopped => println!("the server was stopped"),
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// One client has been served, well or not.
    Served,
    /// No client came in time. Python calls `handle_timeout` then.
    TimedOut,
    /// The server was stopped.
    Stopped,
}

/// The part that differs between streams and datagrams.
pub(crate) trait Service: Send {
    /// Serves until the server is stopped.
    fn serve(&mut self) -> io::Result<()>;

    /// Serves one client, if one comes before `until`.
    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled>;

    /// Closes the socket; or returns it, if replies can still go out through it.
    fn close(self: Box<Self>) -> Option<Arc<DatagramSocket>>;
}

impl<A: Clone + Send + 'static> ThreadedServer<A> {
    /// Serves until your program calls [`ServerHandle::shutdown`]; then drains and returns.
    ///
    /// Draining: the listening socket is closed, so the system refuses new clients. Handlers
    /// can read what has come already, and then find end of file, so they finish; their
    /// replies still go out. After `drain_timeout`, the server cuts off the connections that
    /// are left. [`ServerHandle::stats`] tells you how many finished and how many were cut
    /// off.
    ///
    /// When this returns, nothing of the server goes on: no thread, no hook, and the port is
    /// free. (But a thread can't be killed: a handler that neither reads nor writes keeps
    /// running.)
    ///
    /// # Errors
    ///
    /// Fails if the listening socket stops working. (A socket that this library bound doesn't
    /// do that.) Running out of file descriptors or threads isn't an error: the server
    /// reports it, waits a little, and goes on.
    pub fn serve_forever(mut self) -> io::Result<()> {
        self.service.as_mut().map_or(Ok(()), |service| service.serve())
        // Here the server is dropped, and its drop drains it and ends it.
    }

    /// Serves in the background, on a thread of its own.
    ///
    /// # Errors
    ///
    /// Fails if the system has no thread for it.
    pub fn spawn(self) -> io::Result<RunningServer<A>> {
        let handle = self.handle();
        let name = format!("{}-serve", handle.shared().threads.prefix());
        let thread =
            thread::Builder::new().name(name).spawn(move || self.serve_forever())?;
        Ok(RunningServer::new(handle, thread))
    }

    /// Serves exactly one client, and waits until it has been served.
    ///
    /// Waits at most `timeout` for a client; with `None`, without a limit. A client that
    /// `verify_request` rejects doesn't count. You can call this many times: between the
    /// calls, clients wait in the queue.
    ///
    /// # Errors
    ///
    /// Those of [`serve_forever`](Self::serve_forever).
    pub fn handle_request(
        &mut self,
        timeout: impl Into<Option<Duration>>,
    ) -> io::Result<Handled> {
        let until = timeout.into().and_then(after);
        self.service
            .as_mut()
            .map_or(Ok(Handled::Stopped), |service| service.serve_one(until))
    }
}

impl<A> ThreadedServer<A> {
    /// Puts a server together. `service` makes the part that differs between streams and
    /// datagrams.
    pub(crate) fn new<S: Service + 'static>(
        thread_name: String,
        address: A,
        file: Option<SocketFile>,
        setup: Setup,
        service: impl FnOnce(ServerHandle<A>, Arc<Wakes>) -> S,
    ) -> io::Result<Self>
    where
        A: Clone,
    {
        let wakes = Arc::new(Wakes::new()?);
        let shared = Shared::new(setup.options, setup.hooks, thread_name, &wakes);
        let handle = ServerHandle::new(shared, address);
        let service = Box::new(service(handle.clone(), Arc::clone(&wakes)));
        Ok(Self { handle, wakes, file, service: Some(service) })
    }

    /// A handle to stop the server and to read its statistics, for any thread.
    #[must_use]
    pub fn handle(&self) -> ServerHandle<A>
    where
        A: Clone,
    {
        self.handle.clone()
    }

    /// The address on which the server really listens, see [`ServerHandle::local_addr`].
    #[must_use]
    pub fn local_addr(&self) -> A
    where
        A: Clone,
    {
        self.handle.local_addr()
    }
}

/// The end of a server, whether it has served or not.
impl<A> Drop for ThreadedServer<A> {
    fn drop(&mut self) {
        let shared = self.handle.shared();
        shared.shutdown_in_time(); // harmless if the server has been stopped already
        // The file first, so that no new client finds the socket.
        self.file = None;
        // This drops the prototype of the handlers too, and its drop isn't our code.
        let closed = HandlerError::catch(|| self.service.take().map(Service::close));
        if let Err(error) = &closed {
            complain(format_args!("the prototype's drop: {error}"));
        }
        shared.drain();
        drop(closed); // no handler replies any more
        shared.end();
        self.wakes.pulse.join();
    }
}

impl<A: fmt::Debug> fmt::Debug for ThreadedServer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadedServer")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}
