//! The socket of a connection: how it is accepted, read and written. (`closing.rs` closes
//! it, or cuts it off.)

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use socket2::{SockAddr, Socket};

use super::bind::set_connection_options;
#[cfg(feature = "tls")]
use super::tls::Session;
use super::wake::{self, Waited, Wake, is_no_news};
use super::wakes::Wakes;
use crate::options::SocketOptions;

/// How long after our last write a closed connection still reads what its client sends.
/// Bytes that we wrote before that have arrived, even on a network that loses packets.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// The socket of a connection. It never blocks; a thread that has to wait does so in
/// [`wake`].
///
/// It is never shut down for reading while the client might still send. A TCP socket that
/// is shut down in both directions answers every further byte with a *reset*, and a reset
/// destroys everything that the client hasn't received yet.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) socket: Socket,
    /// The server's wake-ups. Shared, so that they exist for as long as a thread waits.
    pub(super) wakes: Arc<Wakes>,
    /// Wakes the threads that wait for this connection. Made for its first writer.
    hang_up: OnceLock<Wake>,
    /// No new message can begin: a writer has hung up, or the handler has ended.
    pub(super) is_over: AtomicBool,
    /// Held for one message at a time, so that the messages of several threads don't mix.
    pub(super) sending: Mutex<Sending>,
    /// How many bytes the system has taken from us so far.
    pub(super) sent: AtomicUsize,
    /// The last write failed, so the client lacks something that it should have received.
    /// (Outside the lock, because a write also fails if it can't get the lock.)
    pub(super) is_lacking: AtomicBool,
    /// The client has reset the connection, as a write found out. The system says so only
    /// once, so the reader would find end of file.
    was_reset: AtomicBool,
    /// A read has found the end, or a read or a write has failed. Otherwise this connection
    /// can't be the reason for a handler's error.
    pub(crate) has_ended: AtomicBool,
    /// Nothing more can be read or written: the drain is over.
    pub(super) is_cut: AtomicBool,
    /// Everything is sent, and so is the end. Cutting it off would only do harm.
    pub(super) is_lingering: AtomicBool,
    /// What encrypts it, from its handshake on.
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<Box<Session>>,
}

/// Writing to a client that has gone returns an error. It doesn't raise `SIGPIPE`, whatever
/// the program does with that signal. (Apple's systems have a socket option for it.)
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) const NO_SIGNAL: i32 = 0;

/// What has been sent so far.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// When the system last took bytes from us.
    pub(super) last: Option<Instant>,
    /// How many bytes it has taken since the last pause of [`LINGER`] or longer.
    pub(super) lately: usize,
    /// Only the first part of a message was sent. Nothing can follow it.
    pub(crate) is_torn: bool,
}

/// What the last read tells us about the next.
pub(crate) struct Rhythm {
    /// It filled its buffer, so there might be more. (True before the first read, because a
    /// client that has just connected might have sent something already.)
    has_more: bool,
    /// It found something, so the next read needs no timer of its own before this beat.
    /// (Weak, so that a handler that stops reading doesn't keep it.)
    beat: Weak<Wake>,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { has_more: true, beat: Weak::new() }
    }
}

/// The result of a read.
pub(crate) enum Received {
    /// This many bytes; 0 means that the client is done sending.
    Bytes(usize),
    /// There is nothing to read, and the server ends the conversation.
    WeEnd,
    TimedOut,
}

/// Accepts a client, and makes its connection non-blocking. If the listener is
/// non-blocking, this doesn't wait for a client.
pub(crate) fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    #[cfg(target_os = "linux")]
    {
        let flags =
            rustix::net::SocketFlags::NONBLOCK | rustix::net::SocketFlags::CLOEXEC;
        listener.accept4(flags.bits() as _)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let (socket, client) = listener.accept()?;
        socket.set_nonblocking(true)?;
        #[cfg(target_vendor = "apple")]
        socket.set_nosigpipe(true)?;
        Ok((socket, client))
    }
}

impl Connection {
    pub(crate) fn new(socket: Socket, wakes: Arc<Wakes>) -> Self {
        Self {
            socket,
            wakes,
            hang_up: OnceLock::new(),
            is_over: AtomicBool::new(false),
            sending: Mutex::default(),
            sent: AtomicUsize::new(0),
            is_lacking: AtomicBool::new(false),
            was_reset: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
            is_lingering: AtomicBool::new(false),
            #[cfg(feature = "tls")]
            tls: OnceLock::new(),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sets the options that this connection didn't inherit.
    pub(crate) fn set_options(&self, options: &SocketOptions) {
        // On some systems this fails if the client has gone. Then reading fails as well.
        let _ = set_connection_options(&self.socket, options);
    }

    /// Reads once. `until` is called only if the read has to wait, so that nearly all reads
    /// save a look at the clock. `is_patient` means that a second more doesn't matter.
    pub(crate) fn receive(
        &self,
        buffer: &mut [u8],
        rhythm: &mut Rhythm,
        until: impl FnOnce() -> Option<Instant>,
        is_patient: bool,
    ) -> io::Result<Received> {
        if self.is_over() {
            return Ok(Received::WeEnd); // whatever the client still sends
        }
        // Try to read at once if the last read filled its buffer. Otherwise wait first: a
        // read that finds nothing costs more than `poll`.
        let mut is_ready = rhythm.has_more
            || self.has_more()
            || (is_patient && self.wait_for_beat(rhythm)?);
        let mut until = Some(until);
        let mut end = None;
        loop {
            if !is_ready {
                if let Some(until) = until.take() {
                    end = until();
                }
                // Bytes that have come are read first. So when the server stops, the handler
                // still gets everything that the client sent before.
                let wakes = [Some(&self.wakes.stop), self.hang_up.get()];
                match wake::wait_readable(&self.socket, wakes, end)? {
                    Waited::Ready => {}
                    Waited::Woken => return Ok(Received::WeEnd),
                    Waited::TimedOut => return Ok(Received::TimedOut),
                }
            }
            let read = self.read(buffer);
            // Only now: a connection that is cut off at this very moment looks as if the
            // client were done sending, and half a line would look like its last one.
            if self.is_cut() || self.is_over() {
                return Ok(Received::WeEnd);
            }
            match read {
                Err(error) if is_no_news(&error) => is_ready = false,
                Err(error) => return Err(error),
                Ok(0) if self.has_been_reset() => {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                Ok(count) => {
                    rhythm.has_more = count == buffer.len();
                    if is_patient && rhythm.beat.strong_count() == 0 {
                        rhythm.beat = self.wakes.pulse.next_beat();
                    }
                    return Ok(Received::Bytes(count));
                }
            }
        }
    }

    /// Reads once, without waiting.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(session) = self.tls.get() {
            return session.read(&self.socket, buffer);
        }
        (&self.socket).read(buffer)
    }

    /// Whether the end of file that was found is a reset, of which a write was told.
    fn has_been_reset(&self) -> bool {
        // If a thread is being told right now, it holds this lock for a moment more.
        drop(self.sending.try_lock_for(Duration::from_millis(10)));
        self.was_reset.load(Ordering::Relaxed)
    }

    /// Whether there is something to read that isn't in the socket any more.
    pub(super) fn has_more(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.get().is_some_and(|session| session.has_more());
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Waits without a timer, up to the next beat. Returns whether there is something to
    /// read.
    fn wait_for_beat(&self, rhythm: &Rhythm) -> io::Result<bool> {
        let Some(beat) = rhythm.beat.upgrade() else { return Ok(false) }; // it has passed
        let wakes = [Some(&*beat), self.hang_up.get()];
        Ok(wake::wait_readable(&self.socket, wakes, None)? == Waited::Ready)
    }

    /// Locks sending; `None` if another thread holds the lock until `until` and sends
    /// nothing. (While that thread's bytes go out, the client is reading, so waiting is
    /// worthwhile.)
    pub(crate) fn lock_sending(
        &self,
        until: impl Fn() -> Option<Instant>,
    ) -> Option<MutexGuard<'_, Sending>> {
        // It is nearly always free, and then there is no need to look at the clock.
        if let Some(lock) = self.sending.try_lock() {
            return Some(lock);
        }
        loop {
            let before = self.sent.load(Ordering::Relaxed);
            let Some(end) = until() else { return Some(self.sending.lock()) };
            if let Some(lock) = self.sending.try_lock_until(end) {
                return Some(lock);
            }
            let is_stuck = self.sent.load(Ordering::Relaxed) == before;
            // A deadline doesn't move, whatever goes out.
            if is_stuck || until().is_some_and(|end| end <= Instant::now()) {
                return None;
            }
        }
    }

    /// Sends a part of `bytes`, or all of them; `None` when it times out. `until` is called
    /// only if there is no space, to save a look at the clock.
    pub(crate) fn send(
        &self,
        sending: &mut Sending,
        bytes: &[u8],
        until: impl Fn() -> Option<Instant>,
    ) -> io::Result<Option<usize>> {
        #[cfg(feature = "tls")]
        if let Some(session) = self.tls.get() {
            return self.send_encrypted(session, sending, bytes, until);
        }
        let mut end = None;
        loop {
            // Checked after each wait too, because it might be what ended the wait.
            self.check_sending(sending)?;
            match self.socket.send_with_flags(bytes, NO_SIGNAL) {
                Err(error) if is_no_news(&error) => {}
                Err(error) => {
                    let is_reset = error.kind() == io::ErrorKind::ConnectionReset;
                    self.was_reset.fetch_or(is_reset, Ordering::Relaxed);
                    return Err(error);
                }
                Ok(count) => {
                    self.note_sent(sending, count);
                    return Ok(Some(count));
                }
            }
            // The client reads too slowly.
            end = end.or_else(&until);
            if self.wait_for_space(end)? == Waited::TimedOut {
                return Ok(None);
            }
        }
    }

    /// Fails if no message can go out any more.
    pub(super) fn check_sending(&self, sending: &Sending) -> io::Result<()> {
        self.check_cut()?;
        if sending.is_torn {
            Err(broken("an earlier message broke off in the middle"))
        } else if self.is_over() {
            Err(broken("the connection has ended"))
        } else {
            Ok(())
        }
    }

    /// Fails if the drain is over.
    pub(super) fn check_cut(&self) -> io::Result<()> {
        if self.is_cut() {
            return Err(broken("the server has cut the connection off"));
        }
        Ok(())
    }

    /// Notes that the system has taken bytes from us.
    pub(super) fn note_sent(&self, sending: &mut Sending, count: usize) {
        let now = Instant::now();
        // Bytes that were sent before such a pause have arrived.
        if sending.last.is_none_or(|last| now - last > LINGER) {
            sending.lately = 0;
        }
        sending.lately = sending.lately.saturating_add(count);
        sending.last = Some(now);
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    /// Waits until the client has read some bytes, so that the system takes more.
    pub(super) fn wait_for_space(&self, until: Option<Instant>) -> io::Result<Waited> {
        let wakes = [Some(&self.wakes.cut), self.hang_up.get()];
        wake::wait_writable(&self.socket, wakes, until)
    }

    /// Notes whether the last write failed: then the client lacks something. (A write that
    /// fails because the conversation is over doesn't count.)
    pub(crate) fn note_write(&self, has_failed: bool) {
        self.is_lacking.store(has_failed && !self.is_over(), Ordering::Relaxed);
    }

    /// From now on [`hang_up`](Self::hang_up) wakes the reader.
    pub(crate) fn prepare_to_hang_up(&self) {
        if self.hang_up.get().is_some() {
            return;
        }
        // Without a file descriptor for it there is none. Then the reader finds out when the
        // client is done sending.
        if let Ok(wake) = Wake::new() {
            let _ = self.hang_up.set(wake); // fails if another thread was faster
        }
    }

    /// Ends the conversation: the reader finds end of file, and no new message can begin.
    /// (The client finds end of file after everything else has been sent.)
    pub(crate) fn hang_up(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(wake) = self.hang_up.get() {
            wake.wake();
        }
    }

    #[cfg(any(feature = "tls", not(target_os = "linux")))]
    pub(super) fn is_unix(&self) -> bool {
        self.socket.local_addr().is_ok_and(|address| address.is_unix())
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }
}

fn broken(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, words)
}
