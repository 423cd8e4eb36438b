//! How threads wait: for a socket, for a wake-up from another thread, or for a time.
//!
//! A thread that sleeps in `read` or `accept` can't be called back, because operating
//! systems have no portable way to interrupt it. So no socket of this library blocks, and
//! every thread that has to wait does it here, in `poll(2)`. `poll` can watch several things
//! at once: the socket that matters, and a *wake-up* beside it. The usual name for this is
//! the *self-pipe trick*.

use std::io;
#[cfg(not(unix))]
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
#[cfg(all(unix, not(target_os = "linux")))]
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd};

/// Wakes every thread that waits with it, now and later.
///
/// It is something that can be polled, and it becomes readable when `wake` is called. No
/// thread ever reads it empty. So a thread that begins to wait later wakes at once too, and
/// a wake-up can't be lost.
#[derive(Debug)]
pub(crate) struct Wake(Line);

/// A counter in the kernel, made to wake threads: one file descriptor.
#[cfg(target_os = "linux")]
type Line = OwnedFd;
/// A pair of connected sockets: when one is shut down, the other is readable.
#[cfg(all(unix, not(target_os = "linux")))]
type Line = (UnixStream, UnixStream);
/// A UDP socket that is connected to itself: Windows can poll network sockets only.
#[cfg(not(unix))]
type Line = UdpSocket;

#[cfg(target_os = "linux")]
impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Wakes everybody, for good. Never blocks.
    pub(crate) fn wake(&self) {
        // This fails only if the counter is full, and then it is readable already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn readable_when_woken(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        UnixStream::pair().map(Self)
    }

    /// Wakes everybody, for good. Never blocks.
    pub(crate) fn wake(&self) {
        let _ = self.0.0.shutdown(std::net::Shutdown::Both); // fails if it is shut already
    }

    fn readable_when_woken(&self) -> BorrowedFd<'_> {
        self.0.1.as_fd()
    }
}

#[cfg(not(unix))]
impl Wake {
    pub(crate) fn new() -> io::Result<Self> {
        // A machine without IPv4 still has the IPv6 loopback address.
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .or_else(|_| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)))?;
        socket.connect(socket.local_addr()?)?;
        socket.set_nonblocking(true)?;
        // Another program's datagram might have come between `bind` and `connect`. It would
        // be a false wake-up, for the whole life of the server.
        while socket.recv(&mut [0]).is_ok() {}
        Ok(Self(socket))
    }

    /// Wakes everybody, for good. Never blocks.
    pub(crate) fn wake(&self) {
        let _ = self.0.send(&[1]); // if this fails, the next call tries again
    }

    fn readable_when_woken(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Wake {
    /// Sleeps until this wakes us or `time` is over. If the system has no memory for
    /// `poll`, sleeps until `time` is over.
    pub(crate) fn pause_or_sleep(&self, time: Duration) {
        let line = self.readable_when_woken();
        let mut watched = [PollFd::from_borrowed_fd(line, PollFlags::IN)];
        if poll_until(&mut watched, after(time)).is_err() {
            thread::sleep(time);
        }
    }
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The socket is ready, or it failed: the next call on it shows which.
    Ready,
    /// The socket isn't ready, and a wake-up came.
    Woken,
    TimedOut,
}

/// Waits until `socket` can be read, one of `wakes` wakes us, or it is `until`.
pub(crate) fn wait_readable(
    socket: &impl AsFd,
    wakes: [Option<&Wake>; 2],
    until: Option<Instant>,
) -> io::Result<Waited> {
    wait(socket.as_fd(), PollFlags::IN, wakes, until)
}

/// Waits until `socket` has space for more to send, one of `wakes` wakes us, or it is
/// `until`.
pub(crate) fn wait_writable(
    socket: &impl AsFd,
    wakes: [Option<&Wake>; 2],
    until: Option<Instant>,
) -> io::Result<Waited> {
    wait(socket.as_fd(), PollFlags::OUT, wakes, until)
}

/// Whether `socket` can be read without waiting.
pub(crate) fn is_readable(socket: &impl AsFd) -> bool {
    let waited = wait_readable(socket, [None; 2], Some(Instant::now()));
    waited.is_ok_and(|waited| waited == Waited::Ready)
}

/// Whether a call on a non-blocking socket did nothing, so that it can be made again.
pub(crate) fn is_no_news(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The moment when `time` will have passed. `None` means never: it is too far in the
/// future for an `Instant`.
pub(crate) fn after(time: Duration) -> Option<Instant> {
    Instant::now().checked_add(time)
}

fn wait(
    socket: BorrowedFd<'_>,
    flags: PollFlags,
    wakes: [Option<&Wake>; 2],
    until: Option<Instant>,
) -> io::Result<Waited> {
    // An array with space for all of them; `poll` gets only those that exist.
    let socket = PollFd::from_borrowed_fd(socket, flags);
    let mut watched = [socket.clone(), socket.clone(), socket];
    let mut count = 1;
    for wake in wakes.into_iter().flatten() {
        watched[count] =
            PollFd::from_borrowed_fd(wake.readable_when_woken(), PollFlags::IN);
        count += 1;
    }
    poll_until(&mut watched[..count], until)?;
    let is_set = |watched: &PollFd<'_>| !watched.revents().is_empty();
    Ok(if is_set(&watched[0]) {
        Waited::Ready // first: bytes that have come are read, even if the server stops
    } else if watched[1..count].iter().any(is_set) {
        Waited::Woken
    } else {
        Waited::TimedOut
    })
}

/// `poll(2)` with a deadline instead of a timeout, so that a signal doesn't make the wait
/// longer.
fn poll_until(watched: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs().min(86_400) as _, // some systems count milliseconds
            tv_nsec: left.subsec_nanos() as _,
        });
        match poll(watched, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => {} // a signal: wait for the rest of the time
            Err(error) => return Err(error.into()),
            Ok(0) if until.is_none_or(|until| Instant::now() < until) => {} // a day later
            Ok(_) => return Ok(()),
        }
    }
}
