//! Waiting for a socket or for a wake-up, whichever comes first.
//!
//! A thread that sleeps in `accept` cannot be called back: the operating system has no
//! portable way to interrupt it. So sockets that are waited for are non-blocking, and
//! the sleeping is done in `poll(2)`, which watches two sockets at once: the one that
//! matters, and a *wake socket*.
//!
//! There is one exception. On Linux, to shut a listening socket down wakes whoever
//! sleeps in its `accept`. So there a thread may sleep in it, if the socket is ours
//! alone. It saves a call for each connection, and a tenth of the time when one client
//! connects again and again.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;

use crate::connections::ShutDown;

/// Wakes every thread that waits with it, now and later.
///
/// It is a UDP socket on the loopback interface, connected to itself. To wake is to
/// send it one byte. Nobody ever reads that byte, so the socket stays readable, and a
/// thread that comes to wait later wakes at once too: no wake-up can be lost.
pub(crate) struct Wake {
    socket: UdpSocket,
    /// Whether the byte has been sent. One is enough.
    woken: AtomicBool,
    /// The listening socket, if a thread may sleep in its `accept`. Weak, because it is
    /// closed when the server has stopped, and a handle may live longer.
    listener: OnceLock<Weak<dyn ShutDown>>,
}

/// Whether to shut a listening socket down wakes a thread that sleeps in its `accept`.
pub(crate) const SHUTTING_DOWN_WAKES_ACCEPT: bool = cfg!(target_os = "linux");

impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // A machine without IPv4 still has the IPv6 loopback address.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .or_else(|_| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, woken: AtomicBool::new(false), listener: OnceLock::new() })
    }

    /// From now on, to wake means to shut down this listening socket too.
    pub(crate) fn shut_down_on_wake(&self, listener: Weak<impl ShutDown + 'static>) {
        let _ = self.listener.set(listener); // a server has only one
    }

    /// Wakes everybody, for good. Never blocks.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) && self.socket.send(&[1]).is_err() {
            self.woken.store(false, Ordering::SeqCst); // let the next call try again
        }
        if let Some(listener) = self.listener.get().and_then(Weak::upgrade) {
            listener.shut_down(Shutdown::Both);
        }
    }

    /// Waits until `socket` can be read, somebody wakes us, or it is `until`.
    ///
    /// Says whether `socket` can be read (or has failed, which reading will tell).
    pub(crate) fn wait_readable(
        &self,
        socket: &impl AsFd,
        until: Option<Instant>,
    ) -> io::Result<bool> {
        let mut sockets = [
            PollFd::new(socket, PollFlags::IN),
            PollFd::new(&self.socket, PollFlags::IN),
        ];
        poll_until(&mut sockets, until)?;
        Ok(!sockets[0].revents().is_empty())
    }

    /// Sleeps until somebody wakes us or `time` is over.
    pub(crate) fn pause(&self, time: Duration) -> io::Result<()> {
        let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
        poll_until(&mut sockets, Some(Instant::now() + time))
    }
}

/// The moment when `time` will have passed; `None`, which is never, if that is too far
/// in the future to be expressed.
pub(crate) fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

/// Whether `socket` can be read without waiting.
pub(crate) fn is_readable(socket: &impl AsFd) -> bool {
    let mut sockets = [PollFd::new(socket, PollFlags::IN)];
    poll_until(&mut sockets, Some(Instant::now())).is_ok()
        && !sockets[0].revents().is_empty()
}

/// Waits until `socket` can be written, at most until `until`; says whether it can.
pub(crate) fn wait_writable(
    socket: &impl AsFd,
    until: Option<Instant>,
) -> io::Result<bool> {
    let mut sockets = [PollFd::new(socket, PollFlags::OUT)];
    poll_until(&mut sockets, until)?;
    Ok(!sockets[0].revents().is_empty())
}

/// `poll(2)` with a deadline in place of a timeout, so that a signal in between does
/// not prolong the wait.
fn poll_until(sockets: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs().min(86_400) as _, // a day at a time is long enough
            tv_nsec: left.subsec_nanos() as _,
        });
        match poll(sockets, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}
