//! How long reading and writing can take, so that no client holds a thread forever.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[cfg(feature = "tls")]
use crate::certificate::Certificate;
use crate::error::ClientError;
use crate::options::Options;
use crate::socket::connection::{Connection, Received, Rhythm, Sending};
use crate::socket::wake::after;

/// The timeouts of one connection.
///
/// They limit how long a thread waits for the socket. The sockets themselves have no
/// timeouts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    pub(crate) read: Option<Duration>,
    pub(crate) write: Option<Duration>,
    /// For the whole connection.
    session: Option<Deadline>,
    /// For what the handler is doing now.
    deadline: Option<Deadline>,
}

/// A moment by which something must be done.
#[derive(Debug, Clone, Copy)]
struct Deadline {
    /// The whole time, for messages.
    time: Duration,
    end: Instant,
}

impl Deadline {
    /// `None` if it is too far in the future for an `Instant`.
    fn after(time: Duration) -> Option<Self> {
        after(time).map(|end| Self { time, end })
    }
}

impl Timeouts {
    /// The timeouts of a connection that begins now.
    pub(crate) fn from_options(options: &Options) -> Self {
        Self {
            read: options.read_timeout,
            write: options.write_timeout,
            session: options.session_timeout.and_then(Deadline::after),
            deadline: None,
        }
    }

    pub(crate) fn set_deadline(&mut self, time: Option<Duration>) {
        self.deadline = time.and_then(Deadline::after);
    }

    /// Agrees with the client on keys, within `time`.
    #[cfg(feature = "tls")]
    pub(crate) fn shake_hands(
        &self,
        connection: &Connection,
        certificate: &Certificate,
        time: Option<Duration>,
    ) -> io::Result<()> {
        let shaken = connection.shake_hands(certificate, self.until(time));
        if shaken.is_err() {
            connection.has_ended.store(true, Ordering::Relaxed);
        }
        if !shaken.map_err(ClientError::mark)? {
            self.check()?;
            return Err(timed_out("the client didn't complete its handshake in", time));
        }
        Ok(())
    }

    /// Reads once.
    pub(crate) fn read(
        &self,
        connection: &Connection,
        buffer: &mut [u8],
        rhythm: &mut Rhythm,
    ) -> io::Result<Received> {
        self.check()?;
        let until = || self.until(self.read);
        let received = connection.receive(buffer, rhythm, until, self.is_patient());
        if matches!(received, Err(_) | Ok(Received::Bytes(0) | Received::WeEnd)) {
            connection.has_ended.store(true, Ordering::Relaxed);
        }
        match received.map_err(ClientError::mark)? {
            Received::TimedOut => {
                self.check()?;
                Err(timed_out("the client sent nothing for", self.read))
            }
            received => Ok(received),
        }
    }

    /// The timeouts for a writer: the deadline belongs to what the handler is doing now.
    pub(crate) fn without_deadline(self) -> Self {
        Self { deadline: None, ..self }
    }

    /// Writes once.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.locked(connection, |lock| self.send(connection, lock, bytes))
    }

    /// Writes all of one message. No other thread's bytes come between.
    pub(crate) fn write_all(
        &self,
        connection: &Connection,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.locked(connection, |lock| self.send_all(connection, lock, bytes))
    }

    /// Sends while no other thread is in the middle of a message, and notes whether that
    /// worked.
    fn locked<T>(
        &self,
        connection: &Connection,
        send: impl FnOnce(&mut Sending) -> io::Result<T>,
    ) -> io::Result<T> {
        let result = connection
            .lock_sending(|| self.end_of_write())
            .ok_or_else(|| timed_out("another thread has been writing for", self.write))
            .and_then(|mut lock| send(&mut lock));
        connection.note_write(result.is_err());
        result
    }

    fn send_all(
        &self,
        connection: &Connection,
        sending: &mut Sending,
        bytes: &[u8],
    ) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.send(connection, sending, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) => {
                    // If half a message has gone out, nothing can follow: the client would
                    // mistake it for the other half.
                    if rest.len() < bytes.len() {
                        sending.is_torn = true;
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn send(
        &self,
        connection: &Connection,
        sending: &mut Sending,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.check()?;
        let until = || self.end_of_write();
        let sent = connection.send(sending, bytes, until);
        if sent.is_err() {
            connection.has_ended.store(true, Ordering::Relaxed);
        }
        match sent.map_err(ClientError::mark)? {
            Some(count) => Ok(count),
            None => {
                self.check()?;
                Err(timed_out("the client read nothing for", self.write))
            }
        }
    }

    /// When a write that begins now must be done.
    pub(crate) fn end_of_write(&self) -> Option<Instant> {
        self.until(self.write)
    }

    /// When something that begins now and can take `timeout` must be done.
    fn until(&self, timeout: Option<Duration>) -> Option<Instant> {
        let deadlines = self.session.iter().chain(&self.deadline);
        let ends = deadlines.map(|deadline| deadline.end);
        timeout.and_then(after).into_iter().chain(ends).min()
    }

    /// Whether a read can take a second longer than it should: at most one in thirty.
    fn is_patient(&self) -> bool {
        let has_deadline = self.session.is_some() || self.deadline.is_some();
        !has_deadline && self.read.is_some_and(|time| time >= Duration::from_secs(30))
    }

    /// Fails if the session or the handler's deadline is over.
    fn check(&self) -> io::Result<()> {
        let is_over = |deadline: &Deadline| Instant::now() >= deadline.end;
        if let Some(session) = self.session.filter(is_over) {
            return Err(timed_out(
                "the session is over its limit of",
                Some(session.time),
            ));
        }
        if let Some(deadline) = self.deadline.filter(is_over) {
            return Err(timed_out("the client wasn't done within", Some(deadline.time)));
        }
        Ok(())
    }
}

fn timed_out(what: &str, time: Option<Duration>) -> io::Error {
    ClientError::timed_out(format!("{what} {:?}", time.unwrap_or_default()))
}
