//! A WebSocket on a connection that one thread reads and any thread can write.
//!
//! The crate's [`WebSocket`] reads and writes, and only one thread at a time can use it. A
//! chat needs more: one thread waits for what the client sends, while others write. So
//! there are two `WebSocket`s for each connection. The [`Reader`]'s never writes. The
//! [`Writer`]'s never reads, and because of a lock, it writes one message after another.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use socketserver::StreamWriter;
use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket};

/// The longest message that is read, in bytes. It's the longest line of lesson 14.
pub(crate) const MAX_MESSAGE: usize = 4000;

/// What was received.
#[derive(Debug)]
pub(crate) enum Received {
    /// A message.
    Text(String),
    /// The other side wants to know whether we're here. It gets the same bytes back.
    Ping(Bytes),
    /// The other side is here.
    Pong,
    /// Nothing, for as long as a read can wait.
    Silence,
    /// The end of the conversation. This close frame is the reply to it; `None` is one
    /// without a code.
    End(Option<CloseFrame>),
    /// End of file, without a close frame before it. Or our own server is stopping.
    Gone,
}

/// The half that reads. It never replies by itself.
#[derive(Debug)]
pub(crate) struct Reader<R: Read>(WebSocket<OnlyReads<R>>);

/// The half that writes, for any number of threads.
#[derive(Debug)]
pub(crate) struct Writer<W: Write>(Arc<Mutex<WebSocket<OnlyWrites<W>>>>);

impl<R: Read> Reader<R> {
    /// The reading half. A server gets frames with a mask, a client without one.
    pub(crate) fn new(stream: R, role: Role) -> Self {
        Self(WebSocket::from_raw_socket(OnlyReads(stream), role, Some(config(4096))))
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    ///
    /// It can't be read.
    // [receive]
    pub(crate) fn receive(&mut self) -> io::Result<Received> {
        Ok(match self.0.read() {
            Ok(Message::Text(text)) => Received::Text(text.to_string()),
            Ok(Message::Ping(data)) => Received::Ping(data),
            Ok(Message::Pong(_) | Message::Frame(_)) => Received::Pong,
            Ok(Message::Close(frame)) => Received::End(frame),
            Ok(Message::Binary(_)) => end(CloseCode::Unsupported, "only text, please"),
            Err(Error::Capacity(_)) => end(CloseCode::Size, "more than 4000 bytes"),
            Err(Error::Utf8(_)) => end(CloseCode::Invalid, "not UTF-8"),
            Err(Error::Protocol(ResetWithoutClosingHandshake)) => Received::Gone,
            Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut => {
                Received::Silence
            }
            Err(Error::Io(error)) => return Err(error),
            Err(_) => end(CloseCode::Protocol, "against the protocol"),
        })
    }
    // [/receive]
}

impl<W: Write> Writer<W> {
    /// The writing half. A client puts a mask on each frame, a server doesn't.
    pub(crate) fn new(stream: W, role: Role) -> Self {
        let half = OnlyWrites(stream);
        let socket = WebSocket::from_raw_socket(half, role, Some(config(0)));
        Self(Arc::new(Mutex::new(socket)))
    }

    /// Sends a text.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(crate) fn text(&self, text: &str) -> io::Result<()> {
        self.send(Message::text(text))
    }

    /// Asks whether the other side is still there.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(crate) fn ping(&self) -> io::Result<()> {
        self.send(Message::Ping(Bytes::new()))
    }

    /// Answers a ping, with its bytes.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(crate) fn pong(&self, data: Bytes) -> io::Result<()> {
        self.send(Message::Pong(data))
    }

    /// Says that this is the end. Whatever is sent after it isn't written any more.
    ///
    /// # Errors
    ///
    /// It can't be written.
    pub(crate) fn close(&self, frame: Option<CloseFrame>) -> io::Result<()> {
        self.send(Message::Close(frame))
    }

    // [send]
    /// Sends one message. Other threads wait until it's sent, so frames never mix.
    fn send(&self, message: Message) -> io::Result<()> {
        self.0.lock().send(message).map_err(|error| match error {
            Error::Io(error) => error,
            _ => ErrorKind::BrokenPipe.into(), // it has been closed
        })
    }
    // [/send]
}

impl Writer<StreamWriter> {
    /// Ends the conversation: the handler's next read returns end of file.
    pub(crate) fn hang_up(&self) {
        self.0.lock().get_ref().0.shutdown();
    }
}

impl<W: Write> Clone for Writer<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// A close frame.
pub(crate) fn frame(code: CloseCode, reason: &'static str) -> Option<CloseFrame> {
    Some(CloseFrame { code, reason: reason.into() })
}

fn end(code: CloseCode, reason: &'static str) -> Received {
    Received::End(frame(code, reason))
}

// [config]
/// What one client can cost. By default, the crate takes 128 KiB for each one at once, and
/// accepts messages of 64 MiB.
fn config(read_buffer: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read_buffer)
        .write_buffer_size(0) // each message is sent at once
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}
// [/config]

/// A stream that is only read. It throws away the crate's own replies to pings and close
/// frames, because ours go through the [`Writer`].
#[derive(Debug)]
struct OnlyReads<R>(R);

/// A stream that is only written.
#[derive(Debug)]
struct OnlyWrites<W>(W);

impl<R: Read> Read for OnlyReads<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R> Write for OnlyReads<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> Read for OnlyWrites<W> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }
}

impl<W: Write> Write for OnlyWrites<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
