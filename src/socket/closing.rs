//! How a connection is closed, so that the client gets everything, or can tell that it
//! didn't. The usual name for this is *lingering close*.
//!
//! Closing a socket with unread bytes in it resets the connection, and so does every byte
//! that comes after. A reset destroys everything that is still on its way. So a connection
//! ends in three steps: wait until everything is sent, shut down the write half, and keep
//! reading for a while, to discard whatever still comes.

use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[cfg(not(feature = "tls"))]
use super::connection::Sending;
use super::connection::{Connection, LINGER};
use super::wake::{self, Waited, is_no_news};
use crate::error::ClientError;

/// Every client has space for this many bytes. So the first bytes of a connection are on
/// their way as soon as they are written.
const AT_ONCE: usize = 1024;

/// How long it can take to discard the bytes that have come already.
const MOMENT: Duration = Duration::from_millis(100);

/// The last steps of a connection.
pub(crate) struct Ending {
    connection: Arc<Connection>,
    /// Whether the client gets everything that it should.
    is_well: bool,
    /// Whether the client was done sending before.
    client_ended: bool,
}

impl Ending {
    /// Tells the client that nothing more will come. If the connection ends badly, makes
    /// sure that the client finds a reset instead.
    pub(crate) fn say(&self) {
        if !self.is_well {
            self.connection.reset();
        } else if !self.client_ended || Arc::weak_count(&self.connection) > 0 {
            let _ = self.connection.socket.shutdown(Shutdown::Write); // fails if it has gone
        }
        // Otherwise closing the socket does the same, and that happens right after the
        // client's guard has left the registry. (A writer on another thread can keep the
        // socket open for a moment, which is why we count them.)
    }

    /// Keeps reading for a while, if something might still come.
    pub(crate) fn linger(self) {
        if self.is_well && !self.client_ended {
            self.connection.linger();
        }
    }
}

/// Whether everything that was written is on its way to the client.
enum Sent {
    Before,
    JustNow,
    Not,
}

impl Connection {
    /// Waits until everything is sent, which is the first step. `until` returns the time by
    /// which the client must have read *something*, counted from now. `client_ended` means
    /// that nothing more can come from the client.
    ///
    /// Fails if the client doesn't get everything. Returns the steps that must follow.
    pub(crate) fn finish(
        self: Arc<Self>,
        until: impl Fn() -> Option<Instant>,
        is_well: bool,
        client_ended: bool,
    ) -> (io::Result<()>, Ending) {
        // Even if the connection ends badly, the client should get what was written before.
        let sent = self.finish_sending(until, is_well);
        let is_well = is_well && sent.is_ok() && !self.is_cut();
        // From here on only a reset could destroy what we sent. So the flag is set before
        // the client is told of the end: `cut` must not reset a connection in between.
        self.is_lingering.store(is_well, Ordering::Relaxed);
        (sent, Ending { connection: self, is_well, client_ended })
    }

    /// The drain is over: nothing more is read or written. The caller must then wake the
    /// writers with the server's `cut` wake-up. (The stop has woken the readers.)
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::Relaxed);
        if !self.is_lingering.load(Ordering::Relaxed) {
            self.reset();
        }
    }

    /// Makes sure that the client finds a reset, and not an end that looks good: at once if
    /// the system can do that, otherwise as soon as the socket is closed.
    pub(crate) fn reset(&self) {
        let _ = self.socket.set_linger(Some(Duration::ZERO)); // it may be gone already
        #[cfg(target_os = "linux")]
        let is_reset = rustix::net::connect_unspec(&self.socket).is_ok();
        #[cfg(not(target_os = "linux"))]
        let is_reset = !self.is_unix();
        if !is_reset {
            // Unix sockets have no resets.
            let _ = self.socket.shutdown(Shutdown::Both);
        }
    }

    /// Lets no new message begin, and waits until all others are sent. Fails if the client
    /// doesn't read them, or if an earlier write failed.
    fn finish_sending(
        &self,
        until: impl Fn() -> Option<Instant>,
        is_well: bool,
    ) -> io::Result<()> {
        let timed_out = || {
            ClientError::timed_out("the client didn't read the whole reply".to_owned())
        };
        // Another thread might be in the middle of a message. Wait for the message's end:
        // otherwise the connection would end in the middle of a line, and look good.
        let Some(mut sending) = self.lock_sending(&until) else {
            return Err(timed_out());
        };
        // From here on no message can begin: a writer that gets the lock next sees this.
        self.is_over.store(true, Ordering::Relaxed);
        if sending.is_torn || self.is_lacking.load(Ordering::Relaxed) {
            let message = "the client hasn't received the whole reply";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, message));
        }
        if is_well && !self.say_end(&mut sending, &until)? {
            return Err(timed_out());
        }
        if self.sent.load(Ordering::Relaxed) <= AT_ONCE {
            return Ok(());
        }
        // Unlocked during the wait: a thread that wants to write now should fail at once,
        // because it is too late.
        drop(sending);
        match self.wait_until_sent(until) {
            Sent::Before => {}
            Sent::JustNow => self.sending.lock().last = Some(Instant::now()),
            Sent::Not => return Err(timed_out()),
        }
        Ok(())
    }

    /// Without encryption, shutting down the socket is enough.
    #[cfg(not(feature = "tls"))]
    fn say_end(
        &self,
        _: &mut Sending,
        _: impl Fn() -> Option<Instant>,
    ) -> io::Result<bool> {
        Ok(true)
    }

    /// Reads and discards what the client still sends: until the client is done sending,
    /// [`LINGER`] has passed since our last write, or the drain is over.
    ///
    /// Doesn't wait for a silent client that we sent only a few bytes lately. The system
    /// delivers them without us, and only another byte from the client could destroy them.
    fn linger(&self) {
        let now = Instant::now();
        let (last, lately) = {
            let sending = self.sending.lock();
            (sending.last, sending.lately)
        };
        let long = last.map_or(now, |last| last + LINGER);
        // (A client whose bytes are still unread might send more of them.)
        let mut until = if lately > AT_ONCE || self.has_more() { long } else { now };
        // Bytes that have come already are discarded in any case, but not for any length of
        // time.
        let at_most = long.max(now + MOMENT);
        let mut dropped = [0; 4096];
        loop {
            match (&self.socket).read(&mut dropped) {
                // (A client that sends without a pause never gets us to the wait below, so
                // `cut` has to be checked here.)
                Ok(1..) if Instant::now() < at_most && !self.is_cut() => {
                    until = long; // the client does send
                    continue;
                }
                Err(error) if is_no_news(&error) && Instant::now() < until => {}
                // End of file, an error, time is up, or a client that never stops sending.
                _ => return,
            }
            let wakes = [Some(&self.wakes.cut), None];
            let waited = wake::wait_readable(&self.socket, wakes, Some(until));
            if !waited.is_ok_and(|waited| waited == Waited::Ready) {
                return;
            }
        }
    }

    /// Waits until everything that was written to a TCP connection is on its way, as long
    /// as the client goes on reading.
    #[cfg(target_os = "linux")]
    fn wait_until_sent(&self, until: impl Fn() -> Option<Instant>) -> Sent {
        // With this option a socket counts as writable only while fewer than this many bytes
        // wait to be sent. Other kinds of sockets don't have it, and they don't need it:
        // bytes that were written to them have arrived.
        let is_below = |bytes: u32, until: Option<Instant>| {
            self.socket.set_tcp_notsent_lowat(bytes)?;
            let waited =
                wake::wait_writable(&self.socket, [Some(&self.wakes.cut), None], until)?;
            io::Result::Ok(waited == Waited::Ready)
        };
        match is_below(1, Some(Instant::now())) {
            Ok(true) | Err(_) => return Sent::Before,
            Ok(false) => {}
        }
        // Some bytes are waiting. Go down in steps: the client has the full time for each
        // step. So a slow client isn't mistaken for one that doesn't read.
        const STEP: u32 = 64 * 1024;
        const STEPS: u32 = 256; // more than any system buffers for one connection
        for bytes in (0..=STEPS).rev().map(|step| (step * STEP).max(1)) {
            if !is_below(bytes, until()).unwrap_or(false) {
                return Sent::Not;
            }
        }
        Sent::JustNow
    }

    /// Other systems have no such option.
    #[cfg(not(target_os = "linux"))]
    fn wait_until_sent(&self, _until: impl Fn() -> Option<Instant>) -> Sent {
        Sent::Before
    }
}
