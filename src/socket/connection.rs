//! The socket of a connection: how it is read, written, closed with care, and cut off.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use socket2::{Socket, TcpKeepalive};

use super::wake::{self, Waited, Wake, after, is_no_news};
use super::wakes::Wakes;
use crate::error::ClientError;
use crate::options::SocketOptions;

/// For how long after our last write a closed connection still listens to its client.
/// What was written longer ago has arrived, even on a network that loses packets.
const LINGER: Duration = Duration::from_secs(2);

/// How long reading may take what has come already.
const MOMENT: Duration = Duration::from_millis(100);

/// The socket of a connection. It never blocks; a thread that has to wait does so in
/// [`wake`].
///
/// It is never shut down for reading while the client may still send. A TCP socket that
/// has ended in both directions answers every further byte with a *reset*, and a reset
/// destroys whatever the client hasn't got yet.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    /// The server's wake-ups. Shared, so that they exist for as long as somebody waits.
    wakes: Arc<Wakes>,
    /// Wakes this connection's reader alone. Made for its first writer.
    hang_up: OnceLock<Wake>,
    /// Taken for one message at a time, so that the messages of several threads don't mix.
    sending: Mutex<Sending>,
    /// Nothing more may be read or written: the drain is over.
    is_cut: AtomicBool,
    /// All is sent and the end is said. To cut it off would do only harm.
    is_lingering: AtomicBool,
}

/// How far sending has come.
#[derive(Debug, Default)]
pub(crate) struct Sending {
    /// When the last bytes were handed to the system.
    last: Option<Instant>,
    /// The client lacks something: the last write timed out.
    is_stuck: bool,
    /// A message broke off in the middle. Nothing may follow it.
    is_torn: bool,
    /// The handler has ended. No further message may begin.
    is_over: bool,
}

/// What the last read tells about the next.
#[derive(Default)]
pub(crate) struct Rhythm {
    /// It filled its buffer, so there may be more.
    has_more: bool,
    /// It found something, so the next may need no timer of its own before this beat.
    beat: Option<Arc<Wake>>,
}

/// What a read came to.
pub(crate) enum Received {
    /// This many bytes; none means that the client has ended.
    Bytes(usize),
    /// There is nothing to read, and we end the conversation.
    WeEnd,
    TimedOut,
}

/// Whether all that was written is on its way to the client.
enum Sent {
    Before,
    JustNow,
    Not,
}

impl Connection {
    pub(crate) fn new(socket: Socket, wakes: Arc<Wakes>) -> Self {
        Self {
            socket,
            wakes,
            hang_up: OnceLock::new(),
            sending: Mutex::default(),
            is_cut: AtomicBool::new(false),
            is_lingering: AtomicBool::new(false),
        }
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Makes the socket non-blocking, and sets what was asked for.
    pub(crate) fn prepare(&self, options: &SocketOptions) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        // Only TCP has these, and some systems refuse when the client has gone already:
        // reading will tell.
        if options.nodelay {
            let _ = self.socket.set_tcp_nodelay(true);
        }
        if let Some(time) = options.keepalive {
            let _ = self.socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time));
        }
        Ok(())
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
        let mut is_ready = rhythm.has_more || self.waits_for_beat(rhythm)?;
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
            if self.is_cut.load(Ordering::Relaxed) {
                return Ok(Received::WeEnd);
            }
            match (&self.socket).read(buffer) {
                Err(error) if is_no_news(&error) => is_ready = false,
                Err(error) => return Err(error),
                Ok(count) => {
                    rhythm.has_more = count == buffer.len();
                    if is_patient && rhythm.beat.is_none() {
                        rhythm.beat = self.wakes.pulse.next_beat();
                    }
                    return Ok(Received::Bytes(count));
                }
            }
        }
    }

    /// Waits without a timer, for as long as the rhythm says. Says whether something is
    /// there to be read.
    fn waits_for_beat(&self, rhythm: &mut Rhythm) -> io::Result<bool> {
        let Some(beat) = rhythm.beat.as_deref() else { return Ok(false) };
        let wakes = [Some(beat), self.hang_up.get()];
        let waited = wake::wait_readable(&self.socket, wakes, None)?;
        if waited != Waited::Ready {
            rhythm.beat = None; // it was only for this time
        }
        Ok(waited == Waited::Ready)
    }

    /// Takes the right to send; `None` if another thread has it until `until`.
    pub(crate) fn lock_sending(
        &self,
        until: impl Fn() -> Option<Instant>,
    ) -> Option<MutexGuard<'_, Sending>> {
        // Nearly always it is free, and then nobody has to look at the clock.
        let now = self.sending.try_lock();
        now.or_else(|| match until() {
            Some(until) => self.sending.try_lock_until(until),
            None => Some(self.sending.lock()),
        })
    }

    /// Sends a part of `bytes`, or all of them; `None` when it times out. `until` is
    /// asked for when there is no space, so that nobody looks at the clock for nothing.
    pub(crate) fn send(
        &self,
        sending: &mut Sending,
        bytes: &[u8],
        until: impl Fn() -> Option<Instant>,
    ) -> io::Result<Option<usize>> {
        if sending.is_torn || sending.is_over {
            let message = if sending.is_torn {
                "an earlier message broke off in the middle"
            } else {
                "the connection has ended"
            };
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, message));
        }
        let mut end = None;
        loop {
            if self.is_cut.load(Ordering::Relaxed) {
                let message = "the server has cut the connection off";
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, message));
            }
            match (&self.socket).write(bytes) {
                Err(error) if is_no_news(&error) => {}
                Err(error) => return Err(error),
                Ok(count) => {
                    sending.last = Some(Instant::now());
                    sending.is_stuck = false;
                    return Ok(Some(count));
                }
            }
            // The client reads too slowly. Whoever is waiting here at the drain's end is
            // woken, and finds the connection cut.
            end = end.or_else(&until);
            if wake::wait_writable(&self.socket, &self.wakes.cut, end)?
                == Waited::TimedOut
            {
                sending.is_stuck = true;
                return Ok(None);
            }
        }
    }

    /// A message broke off in the middle: nothing may follow it, and the connection
    /// can't end well any more.
    pub(crate) fn tear(&self, sending: &mut Sending) {
        sending.is_torn = true;
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

    /// Says to the client that nothing more will come, and to the reader too.
    pub(crate) fn hang_up(&self) {
        let _ = self.socket.shutdown(Shutdown::Write); // the client may have gone already
        if let Some(wake) = self.hang_up.get() {
            wake.wake();
        }
    }

    /// Ends the connection: waits until all is sent, and says that nothing more will come.
    /// Or, if it doesn't end well, sees to it that the client finds a reset. `timeout` is
    /// how long the client may take to read *anything*.
    ///
    /// Fails if the client hasn't got all that it should. Otherwise
    /// [`linger`](Self::linger) should follow.
    pub(crate) fn close(
        &self,
        timeout: Option<Duration>,
        is_well: bool,
    ) -> io::Result<()> {
        let is_sent = self.finish_sending(timeout);
        let is_whole = matches!(is_sent, Ok(true));
        if !is_well || !is_whole || self.is_cut.load(Ordering::Relaxed) {
            self.reset();
            is_sent?;
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "it broke off"));
        }
        // From here on nothing of ours can be lost but by a reset. So the flag comes
        // first: `cut` must not reset what says its end this moment.
        self.is_lingering.store(true, Ordering::Relaxed);
        self.hang_up();
        Ok(())
    }

    /// Lets no further message begin, and waits until all others are sent. Says whether
    /// they are whole. Fails when the client doesn't read them.
    fn finish_sending(&self, timeout: Option<Duration>) -> io::Result<bool> {
        let stuck = || {
            ClientError::timed_out("the client didn't read the whole reply".to_owned())
        };
        // Another thread may be in the middle of a message. Wait for its end, or the
        // connection would end in the middle of a line and look well.
        let lock = self.lock_sending(|| timeout.and_then(after));
        let Some(mut sending) = lock else { return Err(stuck()) };
        sending.is_over = true;
        if sending.is_stuck {
            return Err(stuck());
        }
        if sending.is_torn || sending.last.is_none() {
            return Ok(!sending.is_torn);
        }
        match self.wait_until_sent(timeout) {
            Sent::Before => {}
            Sent::JustNow => sending.last = Some(Instant::now()),
            Sent::Not => return Err(stuck()),
        }
        Ok(true)
    }

    /// Reads and drops what the client still sends, until it has ended too, some time has
    /// passed since our last write, or the drain is over. Others call it a *lingering
    /// close*.
    ///
    /// Closing a socket with unread bytes in it resets the connection, and so does every
    /// byte that comes after. A reset would destroy what is still on its way.
    pub(crate) fn linger(&self) {
        let now = Instant::now();
        let until = self.sending.lock().last.map_or(now, |last| last + LINGER);
        // What has come already is dropped in any case, but not without an end.
        let at_most = until.max(now + MOMENT);
        let mut dropped = [0; 4096];
        loop {
            match (&self.socket).read(&mut dropped) {
                Ok(1..) if Instant::now() < at_most => continue,
                Err(error) if is_no_news(&error) => {}
                _ => return, // the end, or an error, or a client that never stops sending
            }
            let wakes = [Some(&self.wakes.cut), None];
            let waited = wake::wait_readable(&self.socket, wakes, Some(until));
            if !waited.is_ok_and(|waited| waited == Waited::Ready) {
                return;
            }
        }
    }

    /// The drain is over: nothing more is read or written. Then the server's `cut`
    /// wake-up must follow, which wakes whoever waits in one of the calls above.
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        if !self.is_lingering.load(Ordering::Relaxed) {
            self.reset();
        }
    }

    /// Sees to it that the client finds a reset, and not an end that looks good: at once
    /// where the system can do that, else as soon as the socket is closed.
    pub(crate) fn reset(&self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO)); // it may be gone already
        #[cfg(target_os = "linux")]
        let _ = rustix::net::connect_unspec(&self.socket); // Unix sockets can't
    }

    /// Waits until all that was written to a TCP connection is on its way, as long as
    /// the client goes on reading.
    #[cfg(target_os = "linux")]
    fn wait_until_sent(&self, timeout: Option<Duration>) -> Sent {
        // With this option a socket counts as writable only while less than so many bytes
        // wait to be sent. Other kinds of sockets don't have it, nor need it: what was
        // written to them has arrived.
        let is_below = |bytes: u32, until: Option<Instant>| {
            self.socket.set_tcp_notsent_lowat(bytes)?;
            let waited = wake::wait_writable(&self.socket, &self.wakes.cut, until)?;
            io::Result::Ok(waited == Waited::Ready)
        };
        match is_below(1, Some(Instant::now())) {
            Ok(true) | Err(_) => return Sent::Before,
            Ok(false) => {}
        }
        // It isn't. Go down in steps: each step that the client makes gives it the whole
        // time again, so a slow client isn't taken for one that doesn't read.
        const STEP: u32 = 64 * 1024;
        const STEPS: u32 = 256; // no system buffers more for one connection
        for bytes in (0..=STEPS).rev().map(|step| (step * STEP).max(1)) {
            if !is_below(bytes, timeout.and_then(after)).unwrap_or(false) {
                return Sent::Not;
            }
        }
        Sent::JustNow
    }

    /// Other systems don't tell.
    #[cfg(not(target_os = "linux"))]
    fn wait_until_sent(&self, _timeout: Option<Duration>) -> Sent {
        Sent::Before
    }
}
