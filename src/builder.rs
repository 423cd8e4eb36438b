//! How a server is made that differs from the default: an option for everything.

use std::time::Duration;

use crate::address::ClientAddress;
#[cfg(feature = "tls")]
use crate::certificate::Certificate;
use crate::error::HandlerError;
use crate::event::Event;
use crate::options::{Hooks, Options, ServiceActions, Setup, SocketOptions};

/// Makes a [`ThreadedServer`](crate::ThreadedServer) with options; get one from
/// [`ThreadedServer::builder`](crate::ThreadedServer::builder).
///
/// Where Python sets class attributes (`request_queue_size = 10`) or overrides a method
/// (`def verify_request`), set an option here. Every option has a default. The last call
/// says what kind of server it should be; the server is bound when that returns.
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
#[must_use = "a builder does nothing until you say what kind of server it should be"]
pub struct ServerBuilder {
    /// All that was asked for, so far.
    pub(crate) setup: Setup,
}

impl ServerBuilder {
    /// The default of [`max_connections`](Self::max_connections).
    pub const DEFAULT_MAX_CONNECTIONS: usize = 1024;
    /// The default of [`backlog`](Self::backlog).
    pub const DEFAULT_BACKLOG: u32 = 1024;
    /// The default of [`max_line`](Self::max_line), in bytes: 64 KiB.
    pub const DEFAULT_MAX_LINE: usize = 65_536;
    /// The default of [`max_packet_size`](Self::max_packet_size), in bytes.
    pub const DEFAULT_MAX_PACKET_SIZE: usize = 65_535;
    /// The default of [`read_timeout`](Self::read_timeout): five minutes.
    pub const DEFAULT_READ_TIMEOUT: Duration = Duration::from_secs(300);
    /// The default of [`write_timeout`](Self::write_timeout): 30 seconds.
    pub const DEFAULT_WRITE_TIMEOUT: Duration = Duration::from_secs(30);
    /// The default of [`drain_timeout`](Self::drain_timeout): five seconds.
    pub const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
    /// The default of [`idle_thread_timeout`](Self::idle_thread_timeout): five seconds.
    pub const DEFAULT_IDLE_THREAD_TIMEOUT: Duration = Duration::from_secs(5);
    /// The default of [`handshake_timeout`](Self::handshake_timeout): ten seconds.
    #[cfg(feature = "tls")]
    pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

    pub(crate) fn new() -> Self {
        let options = Options {
            max_connections: Self::DEFAULT_MAX_CONNECTIONS,
            max_connections_per_address: None,
            backlog: Self::DEFAULT_BACKLOG,
            read_timeout: Some(Self::DEFAULT_READ_TIMEOUT),
            write_timeout: Some(Self::DEFAULT_WRITE_TIMEOUT),
            session_timeout: None,
            drain_timeout: Some(Self::DEFAULT_DRAIN_TIMEOUT),
            max_line: Self::DEFAULT_MAX_LINE,
            max_packet_size: Self::DEFAULT_MAX_PACKET_SIZE,
            socket: SocketOptions {
                nodelay: true,
                keepalive: None,
                receive_buffer: None,
                send_buffer: None,
                reuse_address: None,
                reuse_port: false,
                only_v6: None,
                file_mode: None,
            },
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            handshake_timeout: Some(Self::DEFAULT_HANDSHAKE_TIMEOUT),
            thread_name: None,
            stack_size: None,
            idle_thread_timeout: Self::DEFAULT_IDLE_THREAD_TIMEOUT,
        };
        let setup = Setup { options, hooks: Hooks::default(), service_actions: None };
        Self { setup }
    }
}

/// # Limits
impl ServerBuilder {
    /// At most how many connections are open at once: 1024 by default.
    ///
    /// The next client waits, in the operating system's queue (see
    /// [`backlog`](Self::backlog)), until one has left. For a UDP server it is the
    /// number of datagrams that are handled at once. Each costs a thread, of which Linux
    /// has some 16,000 for one program unless it is told otherwise (`vm.max_map_count`);
    /// the server stops before that, and turns the client away with an error.
    ///
    /// Python has no such bound for threads, only `max_children` for forks.
    pub fn max_connections(mut self, n: usize) -> Self {
        self.setup.options.max_connections = n;
        self
    }

    /// At most how many connections from one IP address are open at once: no limit of its
    /// own by default. One more is rejected, as by
    /// [`verify_request`](Self::verify_request). All Unix clients count as one address.
    /// Other servers call it `limit_conn`; Python has none.
    pub fn max_connections_per_address(mut self, n: usize) -> Self {
        self.setup.options.max_connections_per_address = Some(n);
        self
    }

    /// How many clients may wait to be accepted: 1024 by default; the system may have a
    /// lower limit (`net.core.somaxconn` on Linux). Python calls it
    /// `request_queue_size` and has 5.
    pub fn backlog(mut self, n: u32) -> Self {
        self.setup.options.backlog = n;
        self
    }

    /// The longest line, in bytes without its end, that the line methods of a request
    /// read: 64 KiB by default. Both `\n` and `\r\n` are ends. A longer line is an error,
    /// a [`LineError`](crate::LineError). Python's `readline` takes a limit at each call.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.setup.options.max_line = bytes;
        self
    }

    /// The largest datagram in bytes: 65,535 by default, which is all that UDP can
    /// carry; Unix sockets carry more. A larger one is truncated, and `is_truncated()` says
    /// so. Python's is 8192, and a handler can't tell.
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.setup.options.max_packet_size = bytes;
        self
    }
}

/// # Timeouts
///
/// They take a [`Duration`], or `None` for "never". Zero makes sense for `drain_timeout`
/// (no connection may go on) and `idle_thread_timeout` only.
impl ServerBuilder {
    /// How long one read waits for a silent client: five minutes by default. After that
    /// it fails with [`TimedOut`](std::io::ErrorKind::TimedOut). A handler can
    /// [change it](crate::StreamRequest::set_read_timeout) for its connection. It is the
    /// `timeout` of Python's `StreamRequestHandler`, which has none by default.
    pub fn read_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.read_timeout = time.into();
        self
    }

    /// How long one write waits for a client that does not read: 30 seconds by default.
    /// After that it fails with [`TimedOut`](std::io::ErrorKind::TimedOut).
    pub fn write_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.write_timeout = time.into();
        self
    }

    /// How long a connection may last as a whole: no limit by default.
    ///
    /// The other two timeouts begin again with each byte. This one doesn't, so it
    /// stops a client that sends a byte a second forever. Reads and writes after it
    /// fail with [`TimedOut`](std::io::ErrorKind::TimedOut).
    pub fn session_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.session_timeout = time.into();
        self
    }

    /// How long open connections may go on after `shutdown()`: five seconds by default.
    /// Then they are cut off. Python waits without a limit (`block_on_close`), or not at
    /// all.
    ///
    /// What can't be cut off is waited for a little longer, a quarter of a second at
    /// most each: hooks that are running, and handlers that neither read nor write. But
    /// the stop can't begin while the serving thread is busy with code of yours: with
    /// `verify_request`, `service_actions`, or the `clone` of your handler.
    pub fn drain_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.drain_timeout = time.into();
        self
    }

    /// How long a thread whose connection has ended waits for another one: five seconds
    /// by default. With zero, nearly every connection gets a fresh thread.
    pub fn idle_thread_timeout(mut self, time: Duration) -> Self {
        self.setup.options.idle_thread_timeout = time;
        self
    }
}

/// # Sockets and threads
impl ServerBuilder {
    /// Whether small writes go out at once (`TCP_NODELAY`): yes by default. Python's
    /// `disable_nagle_algorithm`, which is off.
    pub fn nodelay(mut self, yes: bool) -> Self {
        self.setup.options.socket.nodelay = yes;
        self
    }

    /// After which time of silence the system asks the client's system whether it is still
    /// there, and ends the connection if no answer comes (`SO_KEEPALIVE`): by default it
    /// doesn't ask. Go's `KeepAlive`; in Python, `setsockopt` on each connection.
    pub fn keepalive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.socket.keepalive = time.into();
        self
    }

    /// How many bytes the system buffers for each connection, or for a datagram server as
    /// a whole, before we read them (`SO_RCVBUF`): by default the system decides. Linux
    /// doubles it, and has an upper limit (`net.core.rmem_max`). A larger one lets a UDP
    /// server survive longer bursts. In Python, `setsockopt`; Go's `SetReadBuffer`.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.setup.options.socket.receive_buffer = Some(bytes);
        self
    }

    /// How many bytes the system takes from us for each connection before the client has
    /// got them (`SO_SNDBUF`): by default the system decides. In Python, `setsockopt`;
    /// Go's `SetWriteBuffer`.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.setup.options.socket.send_buffer = Some(bytes);
        self
    }

    /// Who may connect to a Unix server: the permissions of its socket's file, `0o600` for
    /// example. By default they are what the process's `umask` leaves. In Python,
    /// `os.chmod` after binding.
    pub fn file_mode(mut self, mode: u32) -> Self {
        self.setup.options.socket.file_mode = Some(mode);
        self
    }

    /// Whether the port may be bound again right after the last server has gone
    /// (`SO_REUSEADDR`). By default yes for TCP on Unix, as in Rust's standard library,
    /// and no for UDP and on Windows, where it means something else: to share the port
    /// with another program. Python's `allow_reuse_address`, which is off.
    pub fn reuse_address(mut self, yes: bool) -> Self {
        self.setup.options.socket.reuse_address = Some(yes);
        self
    }

    /// Whether several servers may bind the same port and share its clients
    /// (`SO_REUSEPORT`, on Unix): no by default. Python's `allow_reuse_port`.
    pub fn reuse_port(mut self, yes: bool) -> Self {
        self.setup.options.socket.reuse_port = yes;
        self
    }

    /// Whether a server on an IPv6 address, such as `[::]:80`, leaves IPv4 clients
    /// alone. By default the system decides: Linux lets them in, Windows does not.
    pub fn only_v6(mut self, yes: bool) -> Self {
        self.setup.options.socket.only_v6 = Some(yes);
        self
    }

    /// What threads are called: `prefix-1`, `prefix-2` and so on. By default the prefix
    /// comes from the address, as in `tcp-9999-1`. Linux shows 15 bytes of it.
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.setup.options.thread_name = Some(prefix.into());
        self
    }

    /// The size of each thread's stack in bytes. By default the standard library
    /// decides: 2 MiB, of which only the part that is used costs memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.setup.options.stack_size = Some(bytes);
        self
    }
}

/// # Encryption
#[cfg(feature = "tls")]
impl ServerBuilder {
    /// Encrypts every connection (TLS, feature `tls`): by default none is. The handler, its
    /// requests and its writers stay as they are, on TCP and on Unix sockets. A server for
    /// datagrams refuses it.
    ///
    /// A client that ends its connection without saying so (`close_notify`) is counted as
    /// disconnected, because anybody on the way can end a connection. When we end one well,
    /// the client gets our `close_notify`; one that is cut off, or fails, doesn't.
    ///
    /// Python wraps each connection in `SSLContext.wrap_socket`. (Don't wrap the listening
    /// socket there: then one client that is silent in its handshake stops all others.)
    pub fn tls(mut self, certificate: impl Into<Certificate>) -> Self {
        self.setup.options.tls = Some(certificate.into());
        self
    }

    /// How long a client may take to agree on keys: ten seconds by default. It happens on
    /// the client's own thread, before the handler starts. A client that takes longer is
    /// counted as timed out; one that doesn't speak TLS, as disconnected.
    pub fn handshake_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.handshake_timeout = time.into();
        self
    }
}

/// # Hooks
///
/// A hook that panics is reported, and the server goes on. Keep hooks brief: the thread
/// that calls one waits for it. When the server has ended, its hooks are dropped; so a
/// hook may own a handle of its own server.
impl ServerBuilder {
    /// Asks `hook` about each client before anything else; `false` turns the client
    /// away, and the handler never runs. For a UDP server it is asked about each
    /// datagram. A stream server accepts no other client meanwhile. Python's
    /// `verify_request`.
    pub fn verify_request<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    {
        self.setup.hooks.verify_request = Some(Box::new(hook));
        self
    }

    /// Calls `hook` for each connection that ended with an error or a panic, once. By
    /// default it goes to the log, or to the terminal if no logger is installed. A
    /// client that merely went away, or was silent for too long, is counted but not
    /// reported. Python's `handle_error`.
    pub fn handle_error<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress, &HandlerError) + Send + Sync + 'static,
    {
        self.setup.hooks.handle_error = Some(Box::new(hook));
        self
    }

    /// Calls `hook` with everything that happens, on the thread where it happens. Python
    /// has no such hook.
    pub fn on_event<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Event) + Send + Sync + 'static,
    {
        self.setup.hooks.on_event = Some(Box::new(hook));
        self
    }

    /// Calls `hook` on the serving thread once in each `period`, as long as the server
    /// serves; [`handle_request`](crate::ThreadedServer::handle_request) doesn't call it.
    /// No client is accepted meanwhile. Python's `service_actions`.
    pub fn service_actions<F>(mut self, period: Duration, hook: F) -> Self
    where
        F: FnMut() + Send + 'static,
    {
        let action = Box::new(hook);
        self.setup.service_actions = Some(ServiceActions { period, action });
        self
    }
}
