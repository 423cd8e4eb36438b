//! The options of one server, and its hooks.

use std::fmt;
use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::address::ClientAddress;
#[cfg(feature = "tls")]
use crate::certificate::Certificate;
use crate::error::HandlerError;
use crate::event::Event;

/// Everything that was set on a builder.
#[derive(Debug)]
pub struct Setup {
    pub(crate) options: Options,
    pub(crate) hooks: Hooks,
    pub(crate) service_actions: Option<ServiceActions>,
}

/// The options, as [`ServerBuilder`](crate::ServerBuilder) documents them: each field has
/// the name of the method that sets it.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) max_connections: usize,
    pub(crate) max_connections_per_address: Option<usize>,
    pub(crate) backlog: u32,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) session_timeout: Option<Duration>,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) max_line: usize,
    pub(crate) max_packet_size: usize,
    pub(crate) socket: SocketOptions,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Certificate>,
    #[cfg(feature = "tls")]
    pub(crate) handshake_timeout: Option<Duration>,
    /// `None`: made from the address.
    pub(crate) thread_name: Option<String>,
    /// `None`: the standard library's default.
    pub(crate) stack_size: Option<usize>,
    pub(crate) idle_thread_timeout: Duration,
}

/// Options of the sockets themselves. `None` leaves the system's default.
#[derive(Debug)]
pub(crate) struct SocketOptions {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) send_buffer: Option<usize>,
    /// `None`: the right choice for the kind of socket and the system.
    pub(crate) reuse_address: Option<bool>,
    pub(crate) reuse_port: bool,
    pub(crate) only_v6: Option<bool>,
    pub(crate) file_mode: Option<u32>,
}

/// The functions that the server calls when something happens.
#[derive(Default)]
pub(crate) struct Hooks {
    pub(crate) verify_request: Option<VerifyRequest>,
    pub(crate) handle_error: Option<HandleError>,
    pub(crate) on_event: Option<OnEvent>,
}

type VerifyRequest = Box<dyn Fn(&ClientAddress) -> bool + Send + Sync>;
type HandleError = Box<dyn Fn(&ClientAddress, &HandlerError) + Send + Sync>;
type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// What the serving thread does in regular intervals.
pub(crate) struct ServiceActions {
    pub(crate) period: Duration,
    pub(crate) action: Box<dyn FnMut() + Send>,
}

impl Setup {
    /// No datagram can be larger, unless somebody raised the system's own limits.
    const LARGEST_PACKET: usize = 16 * 1024 * 1024;
    /// What Linux allows. It counts whole seconds.
    const KEEPALIVE_SECONDS: RangeInclusive<u64> = 1..=32_767;

    /// Fails if an option makes no sense, before a server does something strange with it.
    pub(crate) fn check(&self) -> io::Result<()> {
        let period = self.service_actions.as_ref().map(|actions| actions.period);
        let options = &self.options;
        let timeouts = [
            ("the period of service_actions", period),
            ("read_timeout", options.read_timeout),
            ("write_timeout", options.write_timeout),
            ("session_timeout", options.session_timeout),
            #[cfg(feature = "tls")]
            ("handshake_timeout", options.handshake_timeout),
        ];
        for (name, time) in timeouts {
            if time == Some(Duration::ZERO) {
                return invalid(format!("{name} must not be zero"));
            }
        }
        let keepalive = options.socket.keepalive.map(|time| time.as_secs());
        if keepalive.is_some_and(|time| !Self::KEEPALIVE_SECONDS.contains(&time)) {
            return invalid("keepalive must be from 1 to 32,767 seconds".to_owned());
        }
        let sizes = [
            ("max_connections", Some(options.max_connections)),
            ("max_connections_per_address", options.max_connections_per_address),
            ("max_line", Some(options.max_line)),
            ("max_packet_size", Some(options.max_packet_size)),
        ];
        for (name, size) in sizes {
            if size == Some(0) {
                return invalid(format!("{name} must not be zero"));
            }
        }
        if options.max_packet_size > Self::LARGEST_PACKET {
            return invalid("max_packet_size must not be over 16 MiB".to_owned());
        }
        if options.thread_name.as_ref().is_some_and(|name| name.contains('\0')) {
            return invalid("thread_name must not contain a zero byte".to_owned());
        }
        Ok(())
    }
}

impl Setup {
    /// Fails if an option is impossible for datagrams.
    pub(crate) fn check_datagrams(&self) -> io::Result<()> {
        self.check()?;
        #[cfg(feature = "tls")]
        if self.options.tls.is_some() {
            let words = "TLS encrypts streams, and these are datagrams: leave out `tls`";
            return invalid(words.to_owned());
        }
        Ok(())
    }
}

impl Options {
    /// The backlog, in the type that the system takes.
    pub(crate) fn system_backlog(&self) -> i32 {
        i32::try_from(self.backlog).unwrap_or(i32::MAX)
    }
}

/// Shows which hooks are set: closures themselves can't be shown.
impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("verify_request", &self.verify_request.is_some())
            .field("handle_error", &self.handle_error.is_some())
            .field("on_event", &self.on_event.is_some())
            .finish()
    }
}

impl fmt::Debug for ServiceActions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("ServiceActions");
        debug.field("period", &self.period).finish_non_exhaustive()
    }
}

fn invalid(message: String) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}
