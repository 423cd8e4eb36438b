//! The socket of a connection: how it is accepted, read, written, and cut off. (How it is
//! closed is in `closing.rs`.)

use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use socket2::{SockAddr, Socket, TcpKeepalive};

#[cfg(feature = "tls")]
use super::tls::Session;
use super::wake::{self, Waited, Wake, is_no_news};
use super::wakes::Wakes;
use crate::options::SocketOptions;

/// For how long after our last write a closed connection still listens to its client.
/// What was written longer ago has arrived, even on a network that loses packets.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// The socket of a connection. It never blocks; a thread that has to wait does so in
/// [`wake`].
///
/// It is never shut down for reading while the client may still send. A TCP socket that
/// has ended in both directions answers every further byte with a *reset*, and a reset
/// destroys whatever the client hasn't got yet.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(super) socket: Socket,
    /// The server's wake-ups. Shared, so that they exist for as long as somebody waits.
    pub(super) wakes: Arc<Wakes>,
    /// Wakes whoever waits for this connection alone. Made for its first writer.
    hang_up: OnceLock<Wake>,
    /// No further message may begin: a writer has hung up, or the handler has ended.
    pub(super) is_over: AtomicBool,
    /// Taken for one message at a time, so that the messages of several threads don't mix.
    pub(super) sending: Mutex<Sending>,
    /// How many bytes were handed to the system so far.
    pub(super) sent: AtomicUsize,
    /// The client lacks something that it should have got: the last write failed. (Beside
    /// the lock, because a write fails as well if it doesn't get that.)
    pub(super) is_lacking: AtomicBool,
    /// Nothing more may be read or written: the drain is over.
    is_cut: AtomicBool,
    /// All is sent and the end is said. To cut it off would do only harm.
    pub(super) is_lingering: AtomicBool,
    /// What encrypts it, from its handshake on.
    #[cfg(feature = "tls")]
    pub(super) tls: OnceLock<Box<Session>>,
}

/// A client that has gone is an error here, and no signal, whatever the program has made
/// of `SIGPIPE`. (Apple's systems have an option of the socket for that.)
#[cfg(all(unix, not(target_vendor = "apple")))]
pub(super) const NO_SIGNAL: i32 = rustix::net::SendFlags::NOSIGNAL.bits() as i32;
#[cfg(not(all(unix, not(target_vendor = "apple"))))]
pub(super) const NO_SIGNAL: i32 = 0;

/// How far sending has come.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// When the last bytes were handed to the system.
    pub(super) last: Option<Instant>,
    /// How many bytes were handed to it lately: in a row without a pause of
    /// [`LINGER`].
    pub(super) lately: usize,
    /// A message broke off in the middle. Nothing may follow it.
    pub(crate) is_torn: bool,
}

/// What the last read tells about the next.
pub(crate) struct Rhythm {
    /// It filled its buffer, so there may be more. (Before the first one, a client that
    /// has just connected may have sent something already.)
    has_more: bool,
    /// It found something, so the next may need no timer of its own before this beat.
    /// (Weak: a handler that reads no more should not keep it.)
    beat: Weak<Wake>,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self { has_more: true, beat: Weak::new() }
    }
}

/// What a read came to.
pub(crate) enum Received {
    /// This many bytes; none means that the client has ended.
    Bytes(usize),
    /// There is nothing to read, and we end the conversation.
    WeEnd,
    TimedOut,
}

/// Accepts a connection that doesn't block. Doesn't wait for one if the listener doesn't
/// block.
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

/// Sets the options of a connection. On Linux, a listening socket hands them on.
pub(crate) fn set_options(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(time) = options.keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
    }
    Ok(())
}

/// Whether the connections of a listening socket still need their options set. One that
/// we didn't bind may have none to hand on.
pub(crate) fn must_set_options(listener: &Socket, options: &SocketOptions) -> bool {
    let is_missing = |is_wanted: bool, is_set: io::Result<bool>| {
        is_wanted && !is_set.unwrap_or(true) // only TCP sockets have it
    };
    !cfg!(target_os = "linux")
        || is_missing(options.nodelay, listener.tcp_nodelay())
        || is_missing(options.keepalive.is_some(), listener.keepalive())
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
            is_cut: AtomicBool::new(false),
            is_lingering: AtomicBool::new(false),
            #[cfg(feature = "tls")]
            tls: OnceLock::new(),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sets what was asked for, if the listening socket hasn't handed it on.
    pub(crate) fn set_options(&self, options: &SocketOptions) {
        // Some systems refuse when the client has gone already: reading will tell.
        let _ = set_options(&self.socket, options);
    }

    /// Reads once. `until` is asked for only if there is reason to look at the clock;
    /// `is_patient` says that a second more or less doesn't matter then.
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
        // Try first if the last read filled its buffer. Else wait first: a read in vain costs
        // more than a look.
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
                // What has come is read first. So a stop ends no conversation before the
                // client's last words have been heard.
                let wakes = [Some(&self.wakes.stop), self.hang_up.get()];
                match wake::wait_readable(&self.socket, wakes, end)? {
                    Waited::Ready => {}
                    Waited::Woken => return Ok(Received::WeEnd),
                    Waited::TimedOut => return Ok(Received::TimedOut),
                }
            }
            if self.is_cut() || self.is_over() {
                return Ok(Received::WeEnd);
            }
            match self.read(buffer) {
                Err(error) if is_no_news(&error) => is_ready = false,
                Err(error) => return Err(error),
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

    /// Whether there is something to read that the socket doesn't know of.
    fn has_more(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.get().is_some_and(|session| session.has_more());
        #[cfg(not(feature = "tls"))]
        false
    }

    /// Waits without a timer, for as long as the rhythm says. Says whether something is
    /// there to be read.
    fn wait_for_beat(&self, rhythm: &Rhythm) -> io::Result<bool> {
        let Some(beat) = rhythm.beat.upgrade() else { return Ok(false) }; // it has been
        let wakes = [Some(&*beat), self.hang_up.get()];
        Ok(wake::wait_readable(&self.socket, wakes, None)? == Waited::Ready)
    }

    /// Takes the right to send; `None` if another thread has it until `until`, and sends
    /// nothing. (As long as that one's bytes go out, the client is reading, and it is only
    /// a matter of time.)
    pub(crate) fn lock_sending(
        &self,
        until: impl Fn() -> Option<Instant>,
    ) -> Option<MutexGuard<'_, Sending>> {
        // Nearly always it is free, and then nobody has to look at the clock.
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

    /// Sends a part of `bytes`, or all of them; `None` when it times out. `until` is
    /// asked for when there is no space, so that nobody looks at the clock for nothing.
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
            // Looked at again after each wait: it may be what has ended the wait.
            self.check_sending(sending)?;
            match self.socket.send_with_flags(bytes, NO_SIGNAL) {
                Err(error) if is_no_news(&error) => {}
                Err(error) => return Err(error),
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

    /// Fails if no message may go out any more.
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

    /// Notes that bytes were handed to the system.
    pub(super) fn note_sent(&self, sending: &mut Sending, count: usize) {
        let now = Instant::now();
        // What was sent before such a pause has arrived.
        if sending.last.is_none_or(|last| now - last > LINGER) {
            sending.lately = 0;
        }
        sending.lately = sending.lately.saturating_add(count);
        sending.last = Some(now);
        self.sent.fetch_add(count, Ordering::Relaxed);
    }

    /// Waits until the system takes more bytes, because the client has read some.
    pub(super) fn wait_for_space(&self, until: Option<Instant>) -> io::Result<Waited> {
        let wakes = [Some(&self.wakes.cut), self.hang_up.get()];
        wake::wait_writable(&self.socket, wakes, until)
    }

    /// Notes whether the last write failed: then the client lacks something. What came
    /// too late isn't missed.
    pub(crate) fn note_write(&self, has_failed: bool) {
        self.is_lacking.store(has_failed && !self.is_over(), Ordering::Relaxed);
    }

    /// From now on [`hang_up`](Self::hang_up) wakes the reader.
    pub(crate) fn prepare_to_hang_up(&self) {
        if self.hang_up.get().is_some() {
            return;
        }
        // Without descriptors there is none. Then the reader finds out when the client
        // has hung up too.
        if let Ok(wake) = Wake::new() {
            let _ = self.hang_up.set(wake); // or another thread was faster
        }
    }

    /// Ends the conversation: the reader finds end of file, and no further message begins.
    /// (The client hears of it at the end, when all else is sent.)
    pub(crate) fn hang_up(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(wake) = self.hang_up.get() {
            wake.wake();
        }
    }

    /// The drain is over: nothing more is read or written. Then the server's `cut`
    /// wake-up must follow, which wakes writers. (Readers were woken by the stop.)
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        if !self.is_lingering.load(Ordering::Relaxed) {
            self.reset();
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Sees to it that the client finds a reset, and not an end that looks good: at once
    /// where the system can do that, else as soon as the socket is closed.
    pub(crate) fn reset(&self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO)); // it may be gone already
        #[cfg(target_os = "linux")]
        let is_reset = rustix::net::connect_unspec(&self.socket).is_ok();
        #[cfg(not(target_os = "linux"))]
        let is_reset = !self.socket.local_addr().is_ok_and(|address| address.is_unix());
        if !is_reset {
            // Unix sockets know no resets.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }
}

fn broken(words: &str) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, words)
}
