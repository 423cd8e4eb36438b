//! The server from outside: stop it, wait for it, read its statistics.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::Receiver;

use super::connections::Stage;
use super::{Shared, signals};
use crate::event::Stats;

/// A handle to a server: to stop it and to read its statistics, from anywhere.
///
/// Get one from [`ThreadedServer::handle`](crate::ThreadedServer::handle) before the
/// server starts, or in a handler from `request.server()`. Clones are cheap, and all
/// of them refer to the same server. A handle doesn't keep its server running.
///
/// ```
/// use std::io::{self, Write};
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// /// A client that says `stop` stops the server.
/// fn obey(request: &mut TcpRequest) -> io::Result<()> {
///     while let Some(line) = request.next_line()? {
///         if line == "stop" {
///             request.server().shutdown();
///         }
///         writeln!(request, "yes")?;
///     }
///     Ok(())
/// }
///
/// let server = ThreadedServer::tcp("127.0.0.1:0", obey)?;
/// let handle = server.handle();
/// assert!(!handle.is_shutting_down());
/// # io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct ServerHandle<A = SocketAddr> {
    shared: Arc<Shared>,
    /// Where the server listens.
    address: A,
}

impl<A: Clone> ServerHandle<A> {
    pub(crate) fn new(shared: Arc<Shared>, address: A) -> Self {
        Self { shared, address }
    }

    /// Stops the server: it accepts no new clients, and asks open connections to finish.
    /// (Handlers can read what has come already, and then find end of file. Their replies
    /// still go out.) Like Python's `BaseServer.shutdown`, but it returns at once.
    ///
    /// You can call it from anywhere, even a handler, at any time, even before the server
    /// serves, and more than once. (But not inside the handler of a Unix signal, where code
    /// must not take a lock. Use [`shutdown_on_ctrl_c`](Self::shutdown_on_ctrl_c).) To
    /// wait for the end, wait for
    /// [`serve_forever`](crate::ThreadedServer::serve_forever) to return, or call
    /// [`RunningServer::join`].
    pub fn shutdown(&self) {
        self.shared.shutdown();
    }

    /// Stops the server and cuts off every open connection in both directions, without
    /// waiting for the drain. Returns at once.
    ///
    /// A TCP client that is cut off finds its connection *reset*, so it can't mistake what it
    /// has received for the whole reply.
    pub fn shutdown_now(&self) {
        self.shared.shutdown_now();
    }

    /// Whether the server has been told to stop.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shared.registry.stage() > Stage::Serving
    }

    /// A channel that is disconnected when the server stops.
    ///
    /// No message is ever sent. A handler that waits for something else, for example for a
    /// channel of its own, can wait for this at the same time. (The channel is from the crate
    /// `crossbeam-channel`: `cargo add crossbeam-channel`.)
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use crossbeam_channel::{Receiver, select};
    /// use socketserver::TcpRequest;
    ///
    /// /// Passes on the news until the channel is closed, or the server stops.
    /// fn forward(request: &mut TcpRequest, news: &Receiver<String>) -> io::Result<()> {
    ///     let stopping = request.server().stopping();
    ///     loop {
    ///         select! {
    ///             recv(stopping) -> _ => return Ok(()),
    ///             recv(news) -> line => match line {
    ///                 Ok(line) => writeln!(request, "{line}")?,
    ///                 Err(_) => return Ok(()),
    ///             },
    ///         }
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn stopping(&self) -> Receiver<()> {
        self.shared.stopping()
    }

    /// The address on which the server really listens. If you asked for port 0, it contains
    /// the port that the system chose. Python's `server_address`.
    #[must_use]
    pub fn local_addr(&self) -> A {
        self.address.clone()
    }

    /// What the server has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats { threads: self.shared.threads.alive(), ..self.shared.registry.stats() }
    }

    /// Stops the server at Ctrl-C.
    ///
    /// The first signal calls [`shutdown`](Self::shutdown): connections can finish. The
    /// second calls [`shutdown_now`](Self::shutdown_now). On Unix, SIGTERM and SIGHUP do
    /// the same as Ctrl-C (SIGINT). You can call this for several servers, and then a signal
    /// stops all of them. When the last of them has ended, a signal ends the program, with
    /// exit status 130.
    ///
    /// If the program was started with one of these signals ignored, as SIGHUP is under
    /// `nohup`, this call makes that signal stop the server too.
    ///
    /// # Errors
    ///
    /// Fails if your program has set its own handler for these signals with the crate
    /// `ctrlc`, which can have only one.
    pub fn shutdown_on_ctrl_c(&self) -> io::Result<()> {
        signals::stop_at_signals(&self.shared)
    }
}

impl<A> ServerHandle<A> {
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<A: fmt::Debug> fmt::Debug for ServerHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ServerHandle");
        debug.field("address", &self.address);
        debug.field("registry", &self.shared.registry).finish_non_exhaustive()
    }
}

/// A server that runs in the background, see
/// [`ThreadedServer::spawn`](crate::ThreadedServer::spawn).
///
/// Dropping it shuts the server down, and waits until the server has drained. So in a test,
/// the server ends with the test. (Don't drop it in a handler: the drain would wait for that
/// handler.)
///
/// ```
/// use std::io::Write;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::tcp("127.0.0.1:0", |request: &mut TcpRequest| {
///     request.write_all(b"Thank you for connecting")
/// })?
/// .spawn()?;
/// println!("listening on {}", server.local_addr());
/// server.shutdown();
/// server.join()?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct RunningServer<A: Clone = SocketAddr> {
    handle: ServerHandle<A>,
    /// The thread that serves. `wait` takes it.
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl<A: Clone> RunningServer<A> {
    pub(crate) fn new(
        handle: ServerHandle<A>,
        thread: JoinHandle<io::Result<()>>,
    ) -> Self {
        Self { handle, thread: Some(thread) }
    }

    /// A handle to this server, which can outlive it.
    #[must_use]
    pub fn handle(&self) -> ServerHandle<A> {
        self.handle.clone()
    }

    /// Stops the server, see [`ServerHandle::shutdown`].
    pub fn shutdown(&self) {
        self.handle.shutdown();
    }

    /// The address on which the server really listens, see [`ServerHandle::local_addr`].
    #[must_use]
    pub fn local_addr(&self) -> A {
        self.handle.local_addr()
    }

    /// What the server has done so far, see [`ServerHandle::stats`].
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    /// Waits until the server has been stopped and has drained.
    ///
    /// # Errors
    ///
    /// Those of [`serve_forever`](crate::ThreadedServer::serve_forever); and
    /// [`Deadlock`](io::ErrorKind::Deadlock) in a hook on the serving thread, which can't
    /// wait for itself.
    pub fn join(mut self) -> io::Result<()> {
        self.wait()
    }

    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        if thread.thread().id() == thread::current().id() {
            let message = "the serving thread can't wait for its own end";
            return Err(io::Error::new(io::ErrorKind::Deadlock, message));
        }
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the serving thread panicked")))
    }
}

impl<A: Clone> Drop for RunningServer<A> {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.shared.shutdown_in_time();
            let _ = self.wait(); // a drop can't return an error
        }
    }
}
