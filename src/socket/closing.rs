//! How a connection is closed, so that the client gets everything, or can tell that it
//! didn't. Others call it a *lingering close*.
//!
//! Closing a socket with unread bytes in it resets the connection, and so does every byte
//! that comes after. A reset destroys what is still on its way. So a connection ends in
//! three steps: wait until all is sent, say that nothing more will come, and read on for a
//! while what nobody is interested in any more.

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

/// The first bytes of a connection are on their way as soon as they are written: every
/// client has space for this many.
const AT_ONCE: usize = 1024;

/// How long reading may take what has come already.
const MOMENT: Duration = Duration::from_millis(100);

/// What remains to be done at the end of a connection.
pub(crate) struct Ending {
    connection: Arc<Connection>,
    /// Whether the client has got, or will get, all that it should.
    is_well: bool,
    /// Whether the client has ended before.
    client_ended: bool,
}

impl Ending {
    /// Says to the client that nothing more will come. Or, if the connection doesn't end
    /// well, sees to it that the client finds a reset.
    pub(crate) fn say(&self) {
        if !self.is_well {
            self.connection.reset();
        } else if !self.client_ended || Arc::weak_count(&self.connection) > 0 {
            let _ = self.connection.socket.shutdown(Shutdown::Write); // it may have gone
        }
        // Otherwise closing the socket says it too, and it is closed when the client's
        // guard has left the registry. (But a writer on another thread may keep it open
        // for a moment: hence the count.)
    }

    /// Listens on for a while, if something may still come.
    pub(crate) fn linger(self) {
        if self.is_well && !self.client_ended {
            self.connection.linger();
        }
    }
}

/// Whether all that was written is on its way to the client.
enum Sent {
    Before,
    JustNow,
    Not,
}

impl Connection {
    /// Waits until all is sent, as the first step to the end. `until` says until when the
    /// client must have read *something*, if asked now; `client_ended`, that nothing more
    /// can come from the client.
    ///
    /// Fails if the client hasn't got all that it should. Returns what must follow.
    pub(crate) fn finish(
        self: Arc<Self>,
        until: impl Fn() -> Option<Instant>,
        is_well: bool,
        client_ended: bool,
    ) -> (io::Result<()>, Ending) {
        // Even if it ends badly: what was written before is still worth having.
        let sent = self.finish_sending(until, is_well);
        let is_well = is_well && sent.is_ok() && !self.is_cut();
        // From here on nothing of ours can be lost but by a reset. So the flag comes before
        // the end is said: `cut` must not reset what says its end this moment.
        self.is_lingering.store(is_well, Ordering::Relaxed);
        (sent, Ending { connection: self, is_well, client_ended })
    }

    /// Lets no further message begin, and waits until all others are sent. Fails when the
    /// client doesn't read them, or hasn't got everything before.
    fn finish_sending(
        &self,
        until: impl Fn() -> Option<Instant>,
        is_well: bool,
    ) -> io::Result<()> {
        let timed_out = || {
            ClientError::timed_out("the client didn't read the whole reply".to_owned())
        };
        // Another thread may be in the middle of a message. Wait for its end, or the
        // connection would end in the middle of a line and look well.
        let Some(mut sending) = self.lock_sending(&until) else {
            return Err(timed_out());
        };
        // From here on no message can begin: a writer that waits for the lock finds this.
        self.is_over.store(true, Ordering::Relaxed);
        if sending.is_torn || self.is_lacking.load(Ordering::Relaxed) {
            let message = "the client hasn't got the whole reply";
            return Err(io::Error::new(io::ErrorKind::BrokenPipe, message));
        }
        if is_well && !self.say_end(&mut sending, &until)? {
            return Err(timed_out());
        }
        if self.sent.load(Ordering::Relaxed) <= AT_ONCE {
            return Ok(());
        }
        // Free again for the wait: whoever wants to write now should hear at once that it
        // is too late.
        drop(sending);
        match self.wait_until_sent(until) {
            Sent::Before => {}
            Sent::JustNow => self.sending.lock().last = Some(Instant::now()),
            Sent::Not => return Err(timed_out()),
        }
        Ok(())
    }

    /// Without encryption the socket's own end says it.
    #[cfg(not(feature = "tls"))]
    fn say_end(
        &self,
        _: &mut Sending,
        _: impl Fn() -> Option<Instant>,
    ) -> io::Result<bool> {
        Ok(true)
    }

    /// Reads and drops what the client still sends, until it has ended too, some time has
    /// passed since our last write, or the drain is over.
    ///
    /// A client that got only a few bytes lately, and is silent, isn't waited for. The
    /// system goes on sending what is on its way, and only a further byte of the client
    /// could destroy it.
    fn linger(&self) {
        let now = Instant::now();
        let (last, lately) = {
            let sending = self.sending.lock();
            (sending.last, sending.lately)
        };
        let long = last.map_or(now, |last| last + LINGER);
        let mut until = if lately > AT_ONCE { long } else { now };
        // What has come already is dropped in any case, but not without an end.
        let at_most = long.max(now + MOMENT);
        let mut dropped = [0; 4096];
        loop {
            match (&self.socket).read(&mut dropped) {
                // (Without a pause there is no wait, so `cut` isn't heard of below.)
                Ok(1..) if Instant::now() < at_most && !self.is_cut() => {
                    until = long; // it does send
                    continue;
                }
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

    /// Waits until all that was written to a TCP connection is on its way, as long as
    /// the client goes on reading.
    #[cfg(target_os = "linux")]
    fn wait_until_sent(&self, until: impl Fn() -> Option<Instant>) -> Sent {
        // With this option a socket counts as writable only while less than so many bytes
        // wait to be sent. Other kinds of sockets don't have it, nor need it: what was
        // written to them has arrived.
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
        // It isn't. Go down in steps: each step that the client makes gives it the whole
        // time again, so a slow client isn't taken for one that doesn't read.
        const STEP: u32 = 64 * 1024;
        const STEPS: u32 = 256; // no system buffers more for one connection
        for bytes in (0..=STEPS).rev().map(|step| (step * STEP).max(1)) {
            if !is_below(bytes, until()).unwrap_or(false) {
                return Sent::Not;
            }
        }
        Sent::JustNow
    }

    /// Other systems don't tell.
    #[cfg(not(target_os = "linux"))]
    fn wait_until_sent(&self, _until: impl Fn() -> Option<Instant>) -> Sent {
        Sent::Before
    }
}
