//! What was asked for: the options of one server.

use std::fmt;
use std::io;
use std::time::Duration;

use parking_lot::Mutex;

use crate::event::{ClientAddress, Event, HandlerError};

/// The options, as [`ServerBuilder`](crate::ServerBuilder) documents them: each field has
/// the name of the method that sets it.
pub struct Options {
    pub(crate) max_connections: usize,
    pub(crate) backlog: u32,
    pub(crate) read_timeout: Option<Duration>,
    pub(crate) write_timeout: Option<Duration>,
    pub(crate) session_timeout: Option<Duration>,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) max_line: usize,
    pub(crate) max_packet_size: usize,
    pub(crate) nodelay: bool,
    /// `None`: what is right for the kind of socket and the system.
    pub(crate) reuse_address: Option<bool>,
    pub(crate) reuse_port: bool,
    /// `None`: what the system does by itself.
    pub(crate) only_v6: Option<bool>,
    /// `None`: from the address.
    pub(crate) thread_name: Option<String>,
    /// `None`: what the standard library does by itself.
    pub(crate) stack_size: Option<usize>,
    pub(crate) idle_thread_timeout: Duration,
    pub(crate) verify_request: Option<VerifyRequest>,
    pub(crate) handle_error: Option<HandleError>,
    pub(crate) on_event: Option<OnEvent>,
    pub(crate) service_actions: Option<ServiceActions>,
}

type VerifyRequest = Box<dyn Fn(&ClientAddress) -> bool + Send + Sync>;
type HandleError = Box<dyn Fn(&ClientAddress, &HandlerError) + Send + Sync>;
type OnEvent = Box<dyn Fn(&Event) + Send + Sync>;

/// What the serving thread does now and then.
pub(crate) struct ServiceActions {
    pub(crate) period: Duration,
    /// Only the serving thread ever locks it.
    pub(crate) action: Mutex<Box<dyn FnMut() + Send>>,
}

impl Options {
    pub(crate) const MAX_CONNECTIONS: usize = 1024;
    pub(crate) const BACKLOG: u32 = 1024;
    pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(300);
    pub(crate) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
    pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
    pub(crate) const MAX_LINE: usize = 64 * 1024;
    pub(crate) const MAX_PACKET_SIZE: usize = 65_535;
    pub(crate) const IDLE_THREAD_TIMEOUT: Duration = Duration::from_secs(5);

    /// No datagram is larger, on any kind of socket.
    const LARGEST_PACKET: usize = 16 * 1024 * 1024;

    /// Refuses what makes no sense, before a server does something strange with it.
    pub(crate) fn check(&self) -> io::Result<()> {
        let period = self.service_actions.as_ref().map(|actions| actions.period);
        let timeouts = [
            ("the period of service_actions", period),
            ("read_timeout", self.read_timeout),
            ("write_timeout", self.write_timeout),
            ("session_timeout", self.session_timeout),
        ];
        for (name, time) in timeouts {
            if time == Some(Duration::ZERO) {
                return invalid(format!("{name} must not be zero"));
            }
        }
        let sizes = [
            ("max_connections", self.max_connections),
            ("max_line", self.max_line),
            ("max_packet_size", self.max_packet_size),
        ];
        for (name, size) in sizes {
            if size == 0 {
                return invalid(format!("{name} must not be zero"));
            }
        }
        if self.max_packet_size > Self::LARGEST_PACKET {
            return invalid("max_packet_size must not be over 16 MiB".to_owned());
        }
        if self.thread_name.as_ref().is_some_and(|name| name.contains('\0')) {
            return invalid("thread_name must not contain a zero byte".to_owned());
        }
        Ok(())
    }

    /// The backlog as the system wants it.
    pub(crate) fn system_backlog(&self) -> i32 {
        i32::try_from(self.backlog).unwrap_or(i32::MAX)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_connections: Self::MAX_CONNECTIONS,
            backlog: Self::BACKLOG,
            read_timeout: Some(Self::READ_TIMEOUT),
            write_timeout: Some(Self::WRITE_TIMEOUT),
            session_timeout: None,
            drain_timeout: Some(Self::DRAIN_TIMEOUT),
            max_line: Self::MAX_LINE,
            max_packet_size: Self::MAX_PACKET_SIZE,
            nodelay: true,
            reuse_address: None,
            reuse_port: false,
            only_v6: None,
            thread_name: None,
            stack_size: None,
            idle_thread_timeout: Self::IDLE_THREAD_TIMEOUT,
            verify_request: None,
            handle_error: None,
            on_event: None,
            service_actions: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Options");
        debug.field("max_connections", &self.max_connections);
        debug.field("backlog", &self.backlog).finish_non_exhaustive()
    }
}

fn invalid(message: String) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}
