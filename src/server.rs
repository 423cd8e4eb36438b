//! The server itself: it lets clients in, and stops well.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::event::{Event, HandlerError};
use crate::handle::{RunningServer, ServerHandle};
use crate::handler::RequestHandler;
use crate::options::Options;
use crate::shared::{Shared, complain};
use crate::transport::Sealed;
use crate::wake::after;

/// A server with a thread for each connection.
///
/// It is bound when it has been made, and serves when it is told to: with
/// [`serve_forever`](Self::serve_forever) on this thread, with [`spawn`](Self::spawn) in
/// the background, or one client at a time with
/// [`handle_request`](Self::handle_request). It mirrors `ThreadingTCPServer` and its
/// sisters of Python's `socketserver`.
///
/// `A` is the kind of address it listens on: [`SocketAddr`] for TCP and UDP,
/// [`PathBuf`](std::path::PathBuf) for Unix sockets. You seldom need to write it.
pub struct ThreadedServer<A = SocketAddr> {
    handle: ServerHandle<A>,
    service: Box<dyn Service>,
}

/// Which of three things [`ThreadedServer::handle_request`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// One client has been served, well or not.
    Served,
    /// Nobody came in time. Python calls `handle_timeout` then.
    TimedOut,
    /// The server was stopped.
    Stopped,
}

/// A socket that a server can be made from.
///
/// The trait is sealed: only the standard library's sockets have it.
pub trait Transport: Sealed + Sized {
    /// What the handler is given.
    type Request;
    /// What the server's address is.
    type Address: Clone;

    #[doc(hidden)]
    fn into_server<H: RequestHandler<Self::Request>>(
        self,
        handler: H,
        options: Options,
    ) -> io::Result<ThreadedServer<Self::Address>>;
}

/// The part that differs between streams and datagrams. Dropping it closes the socket.
pub(crate) trait Service: Send {
    /// Serves until the server is stopped.
    fn serve(&mut self) -> io::Result<()>;

    /// Serves one client, if one comes before `until`.
    fn serve_one(&mut self, until: Option<Instant>) -> io::Result<Handled>;
}

impl<A: Clone + Send + 'static> ThreadedServer<A> {
    /// Serves until somebody calls [`ServerHandle::shutdown`]; then drains and returns.
    ///
    /// Draining: the listening socket is closed, so new clients are refused. Open
    /// connections see end of file on their next read, so their handlers come to an
    /// end; what they still write goes out. After `drain_timeout` the rest is cut off.
    /// [`ServerHandle::stats`] tells how many finished and how many were cut off.
    /// (A thread cannot be killed: a handler that neither reads nor writes is left to
    /// itself.)
    ///
    /// # Errors
    ///
    /// Fails if the listening socket is of no use any more, which does not happen to
    /// one that this library bound. Being out of descriptors or threads is no reason:
    /// the server says so, waits a little, and goes on.
    pub fn serve_forever(mut self) -> io::Result<()> {
        let result = self.service.serve();
        let shared = self.handle.shared();
        shared.shutdown(); // if it was an error that ended it
        if let Err(error) = HandlerError::catch(|| drop(self.service)) {
            complain(format_args!("the prototype's drop: {error}"));
        }
        shared.drain();
        result
    }

    /// Serves in the background, on a thread of its own.
    ///
    /// # Errors
    ///
    /// Fails when the system has no thread for it.
    pub fn spawn(self) -> io::Result<RunningServer<A>> {
        let handle = self.handle();
        let name = format!("{}-serve", handle.shared().threads.prefix());
        let thread =
            thread::Builder::new().name(name).spawn(move || self.serve_forever())?;
        Ok(RunningServer::new(handle, thread))
    }

    /// Serves exactly one client, and waits until it has been served.
    ///
    /// Waits for at most `timeout` for a client to come; for ever, with `None`. A client
    /// that `verify_request` turns away does not count. Call it as often as you like: the
    /// next clients wait in the queue meanwhile.
    ///
    /// # Errors
    ///
    /// Those of [`serve_forever`](Self::serve_forever).
    pub fn handle_request(
        &mut self,
        timeout: impl Into<Option<Duration>>,
    ) -> io::Result<Handled> {
        let until = timeout.into().and_then(after);
        self.service.serve_one(until)
    }
}

impl<A: Clone> ThreadedServer<A> {
    /// Puts a server together. `service` makes the part that differs.
    pub(crate) fn new<S: Service + 'static>(
        address: A,
        thread_name: String,
        options: Options,
        service: impl FnOnce(ServerHandle<A>) -> S,
    ) -> io::Result<Self> {
        let handle = ServerHandle::new(Shared::new(options, thread_name)?, address);
        let service = Box::new(service(handle.clone()));
        Ok(Self { handle, service })
    }

    /// A handle to stop the server and to look at it, for any thread.
    pub fn handle(&self) -> ServerHandle<A> {
        self.handle.clone()
    }

    /// The address the server really listens on, see [`ServerHandle::local_addr`].
    pub fn local_addr(&self) -> A {
        self.handle.local_addr()
    }
}

impl<A: fmt::Debug> fmt::Debug for ThreadedServer<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadedServer")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// Waits longer and longer as long as the system has no descriptor or thread for us.
#[derive(Default)]
pub(crate) struct BackOff {
    /// How long the last wait was; zero when all is well.
    last: Duration,
}

impl BackOff {
    const SHORTEST: Duration = Duration::from_millis(5);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Says what is missing and waits: from 5 milliseconds up to a second. A connection
    /// that ends before that gives back what it had, and ends the wait. So does a
    /// shutdown.
    pub(crate) fn wait(&mut self, shared: &Shared, error: &impl fmt::Display) {
        self.last = (self.last * 2).clamp(Self::SHORTEST, Self::LONGEST);
        if shared.options.on_event.is_none() {
            complain(format_args!("cannot take another client now: {error}"));
        }
        shared.event(|| Event::Exhausted {
            error: error.to_string(),
            retry_in: self.last,
        });
        shared.connections.wait_for_change(Instant::now() + self.last);
    }

    /// All is well again.
    pub(crate) fn reset(&mut self) {
        self.last = Duration::ZERO;
    }
}

/// Calls the `service_actions` hook when it is due.
pub(crate) struct Ticker {
    due: Instant,
}

impl Ticker {
    /// A longer period is none at all.
    const LONGEST: Duration = Duration::from_secs(365 * 86_400);

    /// Calls the hook if it is time, and returns when the next time is.
    pub(crate) fn tick(&mut self, shared: &Shared) -> Option<Instant> {
        let actions = shared.options.service_actions.as_ref()?;
        let now = Instant::now();
        if now >= self.due {
            self.due = now + actions.period.min(Self::LONGEST);
            if let Err(error) = HandlerError::catch(|| (actions.action.lock())()) {
                complain(format_args!("service_actions: {error}"));
            }
        }
        Some(self.due)
    }
}

impl Default for Ticker {
    fn default() -> Self {
        Self { due: Instant::now() }
    }
}
