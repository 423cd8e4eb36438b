//! The socket of a datagram server: one for all clients.

use std::io;
use std::net::UdpSocket;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{SockAddr, SockRef, Socket};

use super::wake::is_no_news;

/// A socket for datagrams that never blocks.
#[derive(Debug)]
pub(crate) enum DatagramSocket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(UnixDatagram),
}

impl DatagramSocket {
    pub(crate) fn new(socket: Socket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        #[cfg(unix)]
        if socket.local_addr()?.is_unix() {
            return Ok(Self::Unix(std::os::fd::OwnedFd::from(socket).into()));
        }
        Ok(Self::Udp(socket.into()))
    }

    /// Receives a datagram, and returns its client's address.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SockAddr)> {
        match self {
            Self::Udp(socket) => {
                let (length, client) = socket.recv_from(buffer)?;
                Ok((length, client.into()))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (length, client) = socket.recv_from(buffer)?;
                Ok((length, super::unix::address(&client)?))
            }
        }
    }

    /// Sends a datagram: as a whole, or not at all. `Ok(false)` if there was no space for
    /// it before `until`, or `is_over` became true. `until` is called only if there is no
    /// space at first.
    pub(crate) fn send(
        &self,
        bytes: &[u8],
        client: &SockAddr,
        until: impl Fn() -> Option<Instant>,
        is_over: impl Fn() -> bool,
    ) -> io::Result<bool> {
        let mut end = None;
        let mut pause = Duration::from_micros(100);
        loop {
            match self.socket().send_to(bytes, client) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_no_news(&error) => {}
                Err(error) => return Err(error),
            }
            // `poll` can't help here: a Unix socket counts as writable even while its
            // *client's* queue is full. So try again now and then.
            end = end.or_else(&until);
            let left =
                end.map_or(pause, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() || is_over() {
                return Ok(false);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
    /// The same socket, as one that can be polled.
    pub(crate) fn socket(&self) -> SockRef<'_> {
        match self {
            Self::Udp(socket) => socket.into(),
            #[cfg(unix)]
            Self::Unix(socket) => socket.into(),
        }
    }
}
