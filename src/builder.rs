//! How a server is made with other options than the defaults.

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
/// chooses the kind of server; when it returns, the server is bound.
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
#[must_use = "a builder does nothing until you choose the kind of server"]
pub struct ServerBuilder {
    /// Everything that has been set so far.
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
    /// How many connections can be open at once: 1024 by default.
    ///
    /// Further clients wait in the operating system's queue (see
    /// [`backlog`](Self::backlog)) until another one has left. For a UDP server, it's the
    /// number of datagrams that are handled at once. Each takes a thread. On Linux, a program
    /// can have about 16,000 threads, unless you raise the limit (`vm.max_map_count`). The
    /// server stops short of that: a client for which there is no thread is disconnected, and
    /// that is reported.
    ///
    /// Python has no such limit for threads, only `max_children` for forks.
    pub fn max_connections(mut self, n: usize) -> Self {
        self.setup.options.max_connections = n;
        self
    }

    /// How many connections from one IP address can be open at once: by default there is no
    /// such limit. Further connections are rejected, as by
    /// [`verify_request`](Self::verify_request). All Unix clients count as one address.
    /// In nginx it's `limit_conn`; Python has none.
    pub fn max_connections_per_address(mut self, n: usize) -> Self {
        self.setup.options.max_connections_per_address = Some(n);
        self
    }

    /// How many clients can wait to be accepted: 1024 by default. The system might have a
    /// lower limit (`net.core.somaxconn` on Linux). Python's `request_queue_size`, which is 5
    /// by default.
    pub fn backlog(mut self, n: u32) -> Self {
        self.setup.options.backlog = n;
        self
    }

    /// The longest line that the line methods of a request accept, in bytes without its end:
    /// 64 KiB by default. Both `\n` and `\r\n` are ends. A longer line is an error, a
    /// [`LineError`](crate::LineError). Python's `readline` takes a limit in each call.
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.setup.options.max_line = bytes;
        self
    }

    /// The largest datagram in bytes: 65,535 by default. UDP can't carry more, but Unix
    /// sockets can. A larger datagram is truncated, and `is_truncated()` returns true. In
    /// Python the limit is 8192, and a handler can't tell.
    pub fn max_packet_size(mut self, bytes: usize) -> Self {
        self.setup.options.max_packet_size = bytes;
        self
    }
}

/// # Timeouts
///
/// They take a [`Duration`], or `None` for "never". Zero is allowed only for
/// `drain_timeout` (the stop cuts off all connections at once) and `idle_thread_timeout`.
impl ServerBuilder {
    /// How long one read waits for a silent client: five minutes by default. After that
    /// it fails with [`TimedOut`](std::io::ErrorKind::TimedOut). A handler can
    /// [change it](crate::StreamRequest::set_read_timeout) for its connection. It's the
    /// `timeout` of Python's `StreamRequestHandler`, which is off by default.
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

    /// How long a connection can last as a whole: there is no limit by default.
    ///
    /// The other two timeouts begin again with each byte. This one doesn't, so it
    /// stops a client that sends a byte a second forever. Reads and writes after it
    /// fail with [`TimedOut`](std::io::ErrorKind::TimedOut).
    pub fn session_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.session_timeout = time.into();
        self
    }

    /// How long open connections can go on after `shutdown()`: five seconds by default.
    /// Then they are cut off. Python waits without a limit (`block_on_close`), or not at
    /// all.
    ///
    /// Hooks that are running, and handlers that neither read nor write, can't be cut off.
    /// The server waits for them a little longer, a quarter of a second at most for each. But
    /// the stop can't begin while the serving thread runs your code: `verify_request`,
    /// `service_actions`, or the `clone` of your handler.
    pub fn drain_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.drain_timeout = time.into();
        self
    }

    /// How long a thread whose connection has ended waits for another one: five seconds
    /// by default. With zero, nearly every connection gets a new thread.
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

    /// After this time of silence, the operating system asks the client's system whether it
    /// is still there, and ends the connection if no answer comes (`SO_KEEPALIVE`). By
    /// default it doesn't ask. The time can be from 1 to 32,767 seconds (nine hours). In Go
    /// it's `KeepAlive`; in Python, `setsockopt` on each connection.
    pub fn keepalive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.socket.keepalive = time.into();
        self
    }

    /// How many received bytes the system buffers for each connection, or for a datagram
    /// server as a whole (`SO_RCVBUF`): by default the system decides. Linux doubles the
    /// number, and has an upper limit (`net.core.rmem_max`). With a larger buffer, a UDP
    /// server survives longer bursts. In Python, `setsockopt`; Go's `SetReadBuffer`.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.setup.options.socket.receive_buffer = Some(bytes);
        self
    }

    /// How many bytes the system buffers for sending on each connection (`SO_SNDBUF`): by
    /// default the system decides. In Python, `setsockopt`; Go's `SetWriteBuffer`.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.setup.options.socket.send_buffer = Some(bytes);
        self
    }

    /// Which users can connect to a Unix server: the permissions of its socket's file, for
    /// example `0o600`. By default the process's `umask` decides. In Python, `os.chmod` after
    /// binding.
    pub fn file_mode(mut self, mode: u32) -> Self {
        self.setup.options.socket.file_mode = Some(mode);
        self
    }

    /// Whether the port can be bound again right after the last server has ended
    /// (`SO_REUSEADDR`). By default it can for TCP on Unix, as in Rust's standard library.
    /// It can't for UDP and on Windows, where the option means something else: sharing the
    /// port with another program. Python's `allow_reuse_address`, which is off by default.
    pub fn reuse_address(mut self, yes: bool) -> Self {
        self.setup.options.socket.reuse_address = Some(yes);
        self
    }

    /// Whether several servers can bind the same port and share its clients
    /// (`SO_REUSEPORT`, on Unix): no by default. Python's `allow_reuse_port`.
    pub fn reuse_port(mut self, yes: bool) -> Self {
        self.setup.options.socket.reuse_port = yes;
        self
    }

    /// Whether a server on an IPv6 address, such as `[::]:80`, accepts only IPv6 clients. By
    /// default the system decides: Linux accepts IPv4 clients too, Windows doesn't.
    pub fn only_v6(mut self, yes: bool) -> Self {
        self.setup.options.socket.only_v6 = Some(yes);
        self
    }

    /// The threads' names: `prefix-1`, `prefix-2` and so on. By default the prefix comes from
    /// the address, as in `tcp-9999-1`. Linux shows the first 15 bytes of a name.
    pub fn thread_name(mut self, prefix: impl Into<String>) -> Self {
        self.setup.options.thread_name = Some(prefix.into());
        self
    }

    /// The size of each thread's stack in bytes. By default the standard library decides: 2
    /// MiB, of which only the part that is used takes memory.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.setup.options.stack_size = Some(bytes);
        self
    }
}

/// # Encryption
#[cfg(feature = "tls")]
impl ServerBuilder {
    /// Encrypts every connection (TLS, feature `tls`). By default, no connection is
    /// encrypted. The handler, its requests and its writers stay as they are, on TCP and on
    /// Unix sockets. With this option, a datagram server can't be made.
    ///
    /// A client that ends its connection without saying so (`close_notify`) is counted as
    /// disconnected, because anybody on the way can end a connection. When the server ends a
    /// connection cleanly, the client gets a `close_notify`. If the connection is cut off or
    /// fails, the client doesn't get one.
    ///
    /// Python wraps each connection in `SSLContext.wrap_socket`. (Don't wrap the listening
    /// socket there: then one client that is silent in its handshake stops all others.)
    pub fn tls(mut self, certificate: impl Into<Certificate>) -> Self {
        self.setup.options.tls = Some(certificate.into());
        self
    }

    /// How long a client can take for the handshake, in which both ends agree on keys: ten
    /// seconds by default. It happens on the client's own thread, before the handler starts.
    /// A client that takes longer is counted as timed out; one that doesn't speak TLS, as
    /// disconnected.
    pub fn handshake_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.setup.options.handshake_timeout = time.into();
        self
    }
}

/// # Hooks
///
/// If a hook panics, that is reported, and the server goes on. Keep hooks short, because the
/// thread that calls a hook waits for it. The server's end drops its hooks, so a hook can own
/// a handle to its own server.
impl ServerBuilder {
    /// Calls `hook` for each client before anything else. If it returns `false`, the client
    /// is rejected, and the handler never runs. A UDP server calls it for each datagram. A
    /// stream server accepts no other client while it runs. Python's `verify_request`.
    pub fn verify_request<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress) -> bool + Send + Sync + 'static,
    {
        self.setup.hooks.verify_request = Some(Box::new(hook));
        self
    }

    /// Calls `hook` once for each connection that ended with an error or a panic. By default
    /// the error goes to the log, or to the terminal if your program has no logger. A client
    /// that merely went away, or was silent for too long, is counted but not reported.
    /// Python's `handle_error`.
    pub fn handle_error<F>(mut self, hook: F) -> Self
    where
        F: Fn(&ClientAddress, &HandlerError) + Send + Sync + 'static,
    {
        self.setup.hooks.handle_error = Some(Box::new(hook));
        self
    }

    /// Calls `hook` with each [`Event`], on the thread where it happens. Python has no such
    /// hook.
    pub fn on_event<F>(mut self, hook: F) -> Self
    where
        F: Fn(&Event) + Send + Sync + 'static,
    {
        self.setup.hooks.on_event = Some(Box::new(hook));
        self
    }

    /// Calls `hook` on the serving thread once in each `period`, as long as the server
    /// serves; [`handle_request`](crate::ThreadedServer::handle_request) doesn't call it.
    /// The server accepts no client while it runs. Python's `service_actions`.
    pub fn service_actions<F>(mut self, period: Duration, hook: F) -> Self
    where
        F: FnMut() + Send + 'static,
    {
        let action = Box::new(hook);
        self.setup.service_actions = Some(ServiceActions { period, action });
        self
    }
}
