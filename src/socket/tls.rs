//! Encryption: TLS between a connection and its socket, by `rustls`.
//!
//! `rustls` doesn't touch the socket, and never waits. We give it what came from the socket,
//! and it tells us what to send. So all waiting stays where it was, and a handler, a writer
//! or a drain can't tell whether its connection is encrypted.

use std::io::{self, IoSlice, Read, Write};
use std::time::Instant;

use parking_lot::Mutex;
use rustls::ServerConnection;
use socket2::Socket;

use super::connection::{Connection, LINGER, NO_SIGNAL, Sending};
use super::wake::{self, Waited, is_no_news};
use crate::certificate::Certificate;
use crate::error::ClientError;

/// The encryption of one connection.
///
/// One thread can read while others write. All of them use this lock, but no thread holds it
/// for longer than encrypting or decrypting takes, because the socket doesn't block.
#[derive(Debug)]
pub(super) struct Session(Mutex<ServerConnection>);

/// What a handshake must wait for.
enum Step {
    Done,
    /// The client's next message.
    Bytes,
    /// Space for our next message.
    Space,
}

impl Session {
    fn new(certificate: &Certificate) -> io::Result<Self> {
        let engine =
            ServerConnection::new(certificate.config()).map_err(io::Error::other)?;
        Ok(Self(Mutex::new(engine)))
    }

    /// Does as much of the handshake as can be done without waiting. Sets `has_begun` when
    /// the client has.
    fn shake_hands(&self, socket: &Socket, has_begun: &mut bool) -> io::Result<Step> {
        let mut engine = self.0.lock();
        loop {
            match send_all(&mut engine, socket) {
                Err(error) if is_no_news(&error) => return Ok(Step::Space),
                sent => sent?,
            }
            if !engine.is_handshaking() {
                return Ok(Step::Done);
            }
            match engine.read_tls(&mut Raw(socket)) {
                Err(error) if is_no_news(&error) => return Ok(Step::Bytes),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => drop(read?),
            }
            *has_begun = true;
            process(&mut engine, socket)?;
        }
    }

    /// Whether the client and we have agreed on keys.
    fn is_open(&self) -> bool {
        !self.0.lock().is_handshaking()
    }

    /// Whether a read would return something without asking the socket. Then no thread
    /// must wait for the socket, because it might never be readable again.
    pub(super) fn has_more(&self) -> bool {
        self.0.lock().process_new_packets().map_or(true, |state| {
            state.plaintext_bytes_to_read() > 0 || state.peer_has_closed()
        })
    }

    /// Reads once, as from a socket that doesn't block. 0 is an end that the client has
    /// announced. Without that (`close_notify`) an end is an error: anybody on the way can
    /// end a TCP connection.
    pub(super) fn read(&self, socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        let mut engine = self.0.lock();
        loop {
            // An error comes after the bytes that were decrypted before it. It stays.
            let processed = process(&mut engine, socket);
            match engine.reader().read(buffer) {
                Err(error) if is_no_news(&error) => processed?, // nothing is left to read
                read => return read,
            }
            engine.read_tls(&mut Raw(socket))?;
        }
    }

    /// Encrypts a part of `bytes`, or all of them. Then they wait to be sent, and can't be
    /// taken back.
    fn encrypt(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().writer().write(bytes)
    }

    /// Sends some of what waits to be sent; 0 means that nothing does.
    fn send(&self, socket: &Socket) -> io::Result<usize> {
        let mut engine = self.0.lock();
        if engine.wants_write() { engine.write_tls(&mut Raw(socket)) } else { Ok(0) }
    }
}

/// Decrypts what was read.
fn process(engine: &mut ServerConnection, socket: &Socket) -> io::Result<()> {
    let processed = engine.process_new_packets();
    // There might be a reply: new keys, or what was wrong. If there is no space for it now, it
    // goes out before our next message, because a reader shouldn't wait for a client that
    // doesn't read.
    let _ = send_all(engine, socket);
    match processed {
        Ok(_) => Ok(()),
        // What the client sent wasn't TLS, or somebody changed it on the way.
        Err(error) => {
            let gone = ClientError::Gone(io::Error::other(error));
            Err(io::Error::new(io::ErrorKind::InvalidData, gone))
        }
    }
}

/// Sends all that waits.
fn send_all(engine: &mut ServerConnection, socket: &Socket) -> io::Result<()> {
    while engine.wants_write() {
        engine.write_tls(&mut Raw(socket))?;
    }
    Ok(())
}

/// The socket, as `rustls` sees it.
struct Raw<'a>(&'a Socket);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send_with_flags(bytes, NO_SIGNAL)
    }

    /// Each record that waits is a separate piece.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.send_vectored_with_flags(pieces, NO_SIGNAL)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Connection {
    /// Agrees with the client on keys; from then on all is encrypted. `false` if that takes
    /// longer than `until`.
    pub(crate) fn shake_hands(
        &self,
        certificate: &Certificate,
        until: Option<Instant>,
    ) -> io::Result<bool> {
        let session = Session::new(certificate)?;
        let session = self.tls.get_or_init(|| Box::new(session));
        let (mut until, mut wake, mut has_begun) = (until, &self.wakes.stop, false);
        loop {
            let wakes = [Some(wake), None];
            let waited = match session.shake_hands(&self.socket, &mut has_begun)? {
                Step::Done => return Ok(true),
                Step::Bytes => wake::wait_readable(&self.socket, wakes, until)?,
                Step::Space => wake::wait_writable(&self.socket, wakes, until)?,
            };
            match waited {
                Waited::Ready => {}
                Waited::TimedOut => return Ok(false),
                // The server stops. A client in the middle of its handshake might have sent
                // its request right after it, so it gets a moment to finish.
                Waited::Woken if has_begun && !self.is_cut() => {
                    wake = &self.wakes.cut;
                    let moment = wake::after(LINGER);
                    until = until.into_iter().chain(moment).min();
                }
                Waited::Woken => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
    }

    /// Whether it should be encrypted, but client and server haven't agreed on keys yet.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        self.tls.get().is_some_and(|session| !session.is_open())
    }

    /// Sends a part of `bytes`, or all of them, as [`send`](Self::send) does.
    pub(super) fn send_encrypted(
        &self,
        session: &Session,
        sending: &mut Sending,
        bytes: &[u8],
        until: impl Fn() -> Option<Instant>,
    ) -> io::Result<Option<usize>> {
        // First send what waits already: what is encrypted first must be sent first.
        let go_on = |sending: &Sending| self.check_sending(sending);
        if !self.send_waiting(session, sending, &until, go_on)? {
            return Ok(None);
        }
        let count = session.encrypt(bytes)?;
        match self.send_waiting(session, sending, &until, go_on) {
            Ok(true) => Ok(Some(count)),
            // The message is encrypted, so its rest would go out later, before everything
            // else. But its writer gets an error now.
            result => {
                sending.is_torn = true;
                result.map(|_| None)
            }
        }
    }

    /// Sends all that waits, as long as the client reads and `go_on` is fine; `false` when
    /// it times out.
    fn send_waiting(
        &self,
        session: &Session,
        sending: &mut Sending,
        until: impl Fn() -> Option<Instant>,
        go_on: impl Fn(&Sending) -> io::Result<()>,
    ) -> io::Result<bool> {
        let mut end = None;
        loop {
            // Checked again after each wait, because it might have ended the wait.
            go_on(sending)?;
            match session.send(&self.socket) {
                Ok(0) => return Ok(true),
                Ok(count) => {
                    self.note_sent(sending, count);
                    end = None; // the client reads, so it gets the full time again
                }
                Err(error) if is_no_news(&error) => {
                    end = end.or_else(&until);
                    if self.wait_for_space(end)? == Waited::TimedOut {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Tells the client that nothing more will come, before the socket does: `close_notify`.
    /// `false` when that times out.
    pub(super) fn say_end(
        &self,
        sending: &mut Sending,
        until: impl Fn() -> Option<Instant>,
    ) -> io::Result<bool> {
        let Some(session) = self.tls.get().filter(|session| session.is_open()) else {
            return Ok(true);
        };
        session.0.lock().send_close_notify();
        let said = self.send_waiting(session, sending, until, |_| self.check_cut());
        match said {
            Err(error)
                if error.kind() == io::ErrorKind::BrokenPipe && self.is_unix() =>
            {
                // The client has closed its Unix socket, so it doesn't need our farewell. If
                // it has left something else unread, the socket has an error.
                self.socket.take_error()?.map_or(Ok(true), Err)
            }
            said => said,
        }
    }
}
