//! The server from outside: stop it, wait for it, look at it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};
use std::thread::JoinHandle;

use crossbeam_channel::Receiver;
use parking_lot::Mutex;

use crate::connections::Stage;
use crate::event::Stats;
use crate::shared::Shared;

/// A handle on a server: to stop it and to look at it, from anywhere.
///
/// Get one from [`ThreadedServer::handle`](crate::ThreadedServer::handle) before the
/// server starts, or in a handler from `request.server()`. Clones are cheap, and all
/// of them speak of the same server. A handle does not keep its server running.
///
/// `A` is the kind of address the server listens on: [`SocketAddr`] for TCP and UDP,
/// [`PathBuf`](std::path::PathBuf) for Unix sockets. You seldom need to write it.
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

    /// Stops the server: it lets nobody in from now on, and the open connections are
    /// asked to come to an end (their reads return end of file, their replies still go
    /// out). Like Python's `BaseServer.shutdown`, but it returns at once.
    ///
    /// It may be called from anywhere, a handler too, at any time, before the server
    /// serves too, and more than once. To wait for the end, wait for
    /// [`serve_forever`](crate::ThreadedServer::serve_forever) to return or call
    /// [`RunningServer::join`].
    pub fn shutdown(&self) {
        self.shared.shutdown();
    }

    /// Stops the server and cuts off every open connection in both directions, without
    /// waiting for the drain. Returns at once.
    pub fn shutdown_now(&self) {
        self.shared.shutdown();
        self.shared.cut();
    }

    /// Whether somebody has stopped the server.
    pub fn is_shutting_down(&self) -> bool {
        self.shared.connections.stage() > Stage::Serving
    }

    /// A channel that is disconnected when the server stops.
    ///
    /// No message is ever sent. A handler that waits for something else, a channel of
    /// its own say, can wait for this at the same time:
    ///
    /// ```
    /// use std::io::{self, Write};
    /// use crossbeam_channel::{Receiver, select};
    /// use socketserver::TcpRequest;
    ///
    /// /// Passes on news until there are no more, or the server stops.
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
    pub fn stopping(&self) -> Receiver<()> {
        self.shared.stopping()
    }

    /// The address the server really listens on: with the port that the system chose,
    /// if you asked for port 0. Python calls it `server_address`.
    pub fn local_addr(&self) -> A {
        self.address.clone()
    }

    /// What the server has done so far.
    pub fn stats(&self) -> Stats {
        Stats { threads: self.shared.threads.alive(), ..self.shared.connections.stats() }
    }

    /// Stops the server at Ctrl-C.
    ///
    /// The first signal calls [`shutdown`](Self::shutdown): connections may finish. The
    /// second calls [`shutdown_now`](Self::shutdown_now). On Unix, SIGTERM and SIGHUP do
    /// the same as Ctrl-C (SIGINT). Several servers may ask for it; a signal is for
    /// all of them. A signal that the program was told to ignore when it was started is
    /// obeyed from then on: SIGINT in the background of a script, SIGHUP under `nohup`.
    ///
    /// # Errors
    ///
    /// Fails when the program has a handler of its own for these signals, set with the
    /// `ctrlc` crate, which knows only one.
    pub fn shutdown_on_ctrl_c(&self) -> io::Result<()> {
        static SERVERS: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());
        static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();

        let mut servers = SERVERS.lock();
        servers.retain(|server| server.strong_count() > 0);
        servers.push(Arc::downgrade(&self.shared));
        drop(servers);

        // `ctrlc` calls this on a thread of its own, not inside the signal handler, so
        // taking locks is fine.
        let on_signal = || {
            let servers: Vec<_> =
                SERVERS.lock().iter().filter_map(Weak::upgrade).collect();
            for server in servers {
                if !server.shutdown() {
                    server.cut(); // it had been stopped before: this is the second signal
                }
            }
        };
        let installed = INSTALLED.get_or_init(|| {
            // Not `try_set_handler`: it takes a signal that is ignored, as by a program
            // that a script runs in the background, for one that has a handler.
            ctrlc::set_handler(on_signal).map_err(|error| error.to_string())
        });
        installed.clone().map_err(|error| {
            io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("cannot catch Ctrl-C: {error}"),
            )
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

impl<A: fmt::Debug> fmt::Debug for ServerHandle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ServerHandle");
        debug.field("address", &self.address);
        debug.field("connections", &self.shared.connections).finish_non_exhaustive()
    }
}

/// A server that runs in the background, see
/// [`ThreadedServer::spawn`](crate::ThreadedServer::spawn).
///
/// It is a [`ServerHandle`] and more: when it is dropped, the server is shut down, and
/// the drop waits until it has drained. So in a test, the server ends with the test. (A
/// handler should not drop it: the drain would wait for that handler.)
#[derive(Debug)]
pub struct RunningServer<A: Clone = SocketAddr> {
    handle: ServerHandle<A>,
    /// The thread that serves. Taken by whoever waits for it.
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl<A: Clone> RunningServer<A> {
    pub(crate) fn new(
        handle: ServerHandle<A>,
        thread: JoinHandle<io::Result<()>>,
    ) -> Self {
        Self { handle, thread: Some(thread) }
    }

    /// A handle on this server that may outlive it.
    pub fn handle(&self) -> ServerHandle<A> {
        self.handle.clone()
    }

    /// Waits until the server has been stopped, by whomever, and has drained.
    ///
    /// # Errors
    ///
    /// Those of [`serve_forever`](crate::ThreadedServer::serve_forever).
    pub fn join(mut self) -> io::Result<()> {
        self.wait()
    }

    fn wait(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the serving thread panicked")))
    }
}

impl<A: Clone> Deref for RunningServer<A> {
    type Target = ServerHandle<A>;

    fn deref(&self) -> &ServerHandle<A> {
        &self.handle
    }
}

impl<A: Clone> Drop for RunningServer<A> {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.handle.shutdown();
            let _ = self.wait(); // there is nobody left to tell
        }
    }
}
