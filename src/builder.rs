//! How a server is made: with the defaults, or with options of your own.

use std::fmt;
use std::io;
use std::net::ToSocketAddrs;
use std::time::Duration;

use parking_lot::Mutex;

use crate::datagram::UdpRequest;
use crate::event::{ClientAddress, Event, HandlerError};
use crate::handler::RequestHandler;
use crate::options::{Options, ServiceActions};
use crate::server::{ThreadedServer, Transport};
use crate::stream::TcpRequest;
use crate::{tcp, udp};

impl ThreadedServer {
    /// A TCP server with the default options.
    ///
    /// # Errors
    ///
    /// Fails when the address cannot be resolved or bound, and says which address.
    pub fn tcp<A, H>(address: A, handler: H) -> io::Result<Self>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<TcpRequest>,
    {
        Self::builder().tcp(address, handler)
    }

    /// A UDP server with the default options.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn udp<A, H>(address: A, handler: H) -> io::Result<Self>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<UdpRequest>,
    {
        Self::builder().udp(address, handler)
    }

    /// A server of any kind, with options of your own.
    pub fn builder() -> ServerBuilder {
        ServerBuilder { options: Options::default() }
    }
}

/// Makes a [`ThreadedServer`] with options; get one from [`ThreadedServer::builder`].
///
/// Where Python sets class attributes (`request_queue_size = 10`) or overrides a method
/// (`def verify_request`), set an option here. Every option has a default. The last call
/// says what kind of server it shall be; the server is bound when that returns.
///
/// ```no_run
/// use std::io::Write;
/// use std::time::Duration;
/// use socketserver::{TcpRequest, ThreadedServer};
///
/// let server = ThreadedServer::builder()
///     .max_connections(100)
///     .read_timeout(Duration::from_secs(60))
///     .verify_request(|client| client.ip().is_loopback())
///     .tcp("127.0.0.1:1234", |request: &mut TcpRequest| {
///         request.write_all(b"Thank you for connecting")
///     })?;
/// server.serve_forever()?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until you say what kind of server it shall be"]
pub struct ServerBuilder {
    pub(crate) options: Options,
}

/// # Limits
impl ServerBuilder {
    /// The default of [`max_connections`](Self::max_connections).
    pub const DEFAULT_MAX_CONNECTIONS: usize = Options::MAX_CONNECTIONS;
    /// The default of [`backlog`](Self::backlog).
    pub const DEFAULT_BACKLOG: u32 = Options::BACKLOG;
    /// The default of [`max_line`](Self::max_line): 64 KiB.
    pub const DEFAULT_MAX_LINE: usize = Options::MAX_LINE;
    /// The default of [`max_packet_size`](Self::max_packet_size), in bytes.
    pub const DEFAULT_MAX_PACKET_SIZE: usize = Options::MAX_PACKET_SIZE;

    /// At most how many connections are open at once: 1024 by default.
    ///
    /// The next client waits, in the operating system's queue (see
    /// [`backlog`](Self::backlog)), until one has left. For a UDP server it is the
    /// number of datagrams that are handled at once. Each costs a thread: some ten
    /// thousand are possible on Linux, near 16,000 the system has no memory maps left.
    ///
    /// Python has no such bound for threads, only `max_children` for forks.
    pub fn max_connections(mut self, n: usize) -> Self {
        self.options.max_connections = n;
        self
    }

    /// How many clients may wait to be accepted: 1024 by default; the system may have a
    /// lower limit (`net.core.somaxconn` on Linux). Python calls it
    /// `request_queue_size` and has 5.
    pub fn backlog(mut self, n: u32) -> Self {
        self.options.backlog = n;
        self
    }

    /// The longest line, in bytes without its end, that the line methods of a request
    /// read: 64 KiB by default. A longer one is an error.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.options.max_line = bytes;
        self
    }

    /// The largest datagram in bytes: 65,535 by default, which is all that UDP can
    /// carry; Unix sockets carry more. A larger one is cut, and `is_truncated()` says so.
    /// In Python it is 8192, and nobody says so.
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.options.max_packet_size = bytes;
        self
    }
}

/// # Timeouts
///
/// They take a [`Duration`], or `None` for "never". Zero makes sense for `drain_timeout`
/// (nobody may go on) and `idle_thread_timeout` only.
impl ServerBuilder {
    /// The default of [`read_timeout`](Self::read_timeout): five minutes.
    pub const DEFAULT_READ_TIMEOUT: Duration = Options::READ_TIMEOUT;
    /// The default of [`write_timeout`](Self::write_timeout).
    pub const DEFAULT_WRITE_TIMEOUT: Duration = Options::WRITE_TIMEOUT;
    /// The default of [`drain_timeout`](Self::drain_timeout).
    pub const DEFAULT_DRAIN_TIMEOUT: Duration = Options::DRAIN_TIMEOUT;
    /// The default of [`idle_thread_timeout`](Self::idle_thread_timeout).
    pub const DEFAULT_IDLE_THREAD_TIMEOUT: Duration = Options::IDLE_THREAD_TIMEOUT;

    /// How long one read waits for a silent client: five minutes by default. After that
    /// it fails with [`TimedOut`](io::ErrorKind::TimedOut). It is the `timeout` of
    /// Python's `StreamRequestHandler`, which has none by default.
    pub fn read_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.read_timeout = time.into();
        self
    }

    /// How long one write waits for a client that does not read: 30 seconds by default.
    /// After that it fails with [`TimedOut`](io::ErrorKind::TimedOut).
    pub fn write_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.write_timeout = time.into();
        self
    }

    /// How long a connection may last as a whole: no limit by default.
    ///
    /// The other two timeouts begin anew with each byte. This one does not, so it
    /// stops a client that sends a byte a second for ever. Reads and writes after it
    /// fail with [`TimedOut`](io::ErrorKind::TimedOut).
    pub fn session_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.session_timeout = time.into();
        self
    }

    /// How long open connections may go on after `shutdown()`: five seconds by default.
    /// Then they are cut off. Python waits for ever (`block_on_close`), or not at all.
    pub fn drain_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.options.drain_timeout = time.into();
        self
    }

    /// How long a thread whose connection has ended waits for another one: five seconds
    /// by default. Zero gives every connection a fresh thread.
    pub fn idle_thread_timeout(mut self, time: Duration) -> Self {
        self.options.idle_thread_timeout = time;
        self
    }
}

/// # Sockets and threads
impl ServerBuilder {
    /// Whether small writes go out at once (`TCP_NODELAY`): yes by default. Python's
    /// `disable_nagle_algorithm`, which is off.
    pub fn nodelay(mut self, yes: bool) -> Self {
        self.options.nodelay = yes;
        self
    }

    /// Whether the port may be bound again right after the last server has gone
    /// (`SO_REUSEADDR`). By default yes for TCP on Unix, as in Rust's standard library,
    /// and no for UDP and on Windows, where it means something else: to share the port
    /// with another program. Python's `allow_reuse_address`, which is off.
    pub fn reuse_address(mut self, yes: bool) -> Self {
        self.options.reuse_address = Some(yes);
        self
    }

    /// Whether several servers may bind the same port and share its clients
    /// (`SO_REUSEPORT`, on Unix): no by default. Python's `allow_reuse_port`.
    pub fn reuse_port(mut self, yes: bool) -> Self {
        self.options.reuse_port = yes;
        self
    }

    /// Whether a server on an IPv6 address, such as `[::]:80`, leaves IPv4 clients
    /// alone. By default the system decides: Linux lets them in, Windows does not.
    pub fn only_v6(mut self, yes: bool) -> Self {
        self.options.only_v6 = Some(yes);
        self
    }

    /// What threads are called: `prefix-1`, `prefix-2` and so on. By default the prefix
    /// comes from the address, as in `tcp-9999-1`. Linux shows 15 bytes of it.
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.options.thread_name = Some(prefix.into());
        self
    }

    /// The size of each thread's stack in bytes. By default the standard library
    /// decides: 2 MiB, of which only the part that is used costs memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.options.stack_size = Some(bytes);
        self
    }
}

/// # Hooks
///
/// A hook that panics costs nobody anything: it is reported and the server goes on.
impl ServerBuilder {
    /// Asks `hook` about each client before anything else; `false` turns the client
    /// away, and the handler never runs. For a UDP server it is asked about each
    /// datagram. Python's `verify_request`.
    pub fn verify_request<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    {
        self.options.verify_request = Some(Box::new(hook));
        self
    }

    /// Tells `hook` of each connection that ended with an error or a panic, once. By
    /// default it goes to the log, or to the terminal if no logger is installed. A
    /// client that merely went away is counted but not reported. Python's
    /// `handle_error`.
    pub fn handle_error<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress, &HandlerError) + Send + Sync + 'static,
    {
        self.options.handle_error = Some(Box::new(hook));
        self
    }

    /// Tells `hook` of everything that happens, on the thread where it happens.
    pub fn on_event<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Event) + Send + Sync + 'static,
    {
        self.options.on_event = Some(Box::new(hook));
        self
    }

    /// Calls `hook` on the serving thread once in each `period`, as long as the server
    /// serves; [`handle_request`](ThreadedServer::handle_request) does not. Keep it short:
    /// nobody is let in meanwhile. Python's `service_actions`.
    pub fn service_actions<F>(mut self, period: Duration, hook: F) -> Self
    where
        F: FnMut() + Send + 'static,
    {
        let action = Mutex::new(Box::new(hook) as _);
        self.options.service_actions = Some(ServiceActions { period, action });
        self
    }
}

/// # Kinds of server
///
/// Each of these makes the server: it is bound, and listening, when the call returns.
impl ServerBuilder {
    /// A TCP server. Python's `ThreadingTCPServer`.
    ///
    /// # Errors
    ///
    /// Fails when the address cannot be resolved or bound, and says which address it
    /// was; and with [`InvalidInput`](io::ErrorKind::InvalidInput) when an option makes
    /// no sense, a timeout of zero for example.
    pub fn tcp<A, H>(self, address: A, handler: H) -> io::Result<ThreadedServer>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<TcpRequest>,
    {
        self.options.check()?;
        tcp::serve(tcp::bind(&address, &self.options)?, true, handler, self.options)
    }

    /// A UDP server. Python's `ThreadingUDPServer`.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn udp<A, H>(self, address: A, handler: H) -> io::Result<ThreadedServer>
    where
        A: ToSocketAddrs + fmt::Debug,
        H: RequestHandler<UdpRequest>,
    {
        self.options.check()?;
        udp::bind(&address, &self.options)?.into_server(handler, self.options)
    }

    /// A server on a socket that is bound already: one that was inherited, or has
    /// options that this builder does not know. It takes a
    /// [`TcpListener`](std::net::TcpListener), a [`UdpSocket`](std::net::UdpSocket), and
    /// on Unix a `UnixListener` or a `UnixDatagram`. The socket becomes non-blocking.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn from_listener<S, H>(
        self,
        socket: S,
        handler: H,
    ) -> io::Result<ThreadedServer<S::Address>>
    where
        S: Transport,
        H: RequestHandler<S::Request>,
    {
        self.options.check()?;
        socket.into_server(handler, self.options)
    }
}
