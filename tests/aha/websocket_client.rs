//! A client that can break each rule of a WebSocket: it writes its frames by hand.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use super::course::programs::DEADLINE;

/// What comes first in a frame: the last piece of a message, and of which kind it is.
pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
pub(crate) const PONG: u8 = 0x8a;

/// The request of a good client, without the blank line at its end.
pub(crate) const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: here:5000\r\n\
    Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A client that has been accepted.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Becomes a WebSocket.
    pub(crate) fn opens(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream };
        client.stream.write_all(format!("{UPGRADE}\r\n").as_bytes())?;
        let head = client.head()?;
        // The key and its reply are the example from RFC 6455.
        let accept = ": s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert!(head.starts_with("HTTP/1.1 101 ") && head.contains(accept), "{head}");
        Ok(client)
    }

    /// Enters the room: it has been greeted when this returns.
    pub(crate) fn enters(addr: SocketAddr) -> io::Result<Self> {
        let mut client = Self::opens(TcpStream::connect_timeout(&addr, DEADLINE)?)?;
        let greeting = client.text()?;
        assert!(greeting.starts_with("-- you are guest-"), "{greeting}");
        Ok(client)
    }

    /// Reads a head, up to its blank line.
    pub(crate) fn head(&mut self) -> io::Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    /// Sends any bytes.
    pub(crate) fn sends(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a line.
    pub(crate) fn says(&mut self, line: &str) -> io::Result<()> {
        self.sends(&frame(TEXT, line.as_bytes()))
    }

    /// The next frame: its first byte, and what it carries. A server's has no mask.
    pub(crate) fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head)?;
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.stream.read_exact(&mut length)?;
                u16::from_be_bytes(length).into()
            }
            short @ 0..126 => usize::from(short),
            other => return Err(io::Error::other(format!("a length of {other}"))),
        };
        let mut data = vec![0; length];
        self.stream.read_exact(&mut data)?;
        Ok((head[0], data))
    }

    /// The next text.
    pub(crate) fn text(&mut self) -> io::Result<String> {
        match self.frame()? {
            (TEXT, data) => String::from_utf8(data).map_err(io::Error::other),
            (first, data) => {
                let data = data.escape_ascii();
                Err(io::Error::other(format!("no text: {first:x} {data}")))
            }
        }
    }

    /// Reads until this text comes.
    pub(crate) fn hears(&mut self, wanted: &str) -> io::Result<()> {
        let end = Instant::now() + DEADLINE;
        while self.text()? != wanted {
            in_time(end)?;
        }
        Ok(())
    }

    /// Reads to the close frame: gives its code (0, if it has none) and its reason.
    pub(crate) fn hears_the_end(&mut self) -> io::Result<(u16, String)> {
        let end = Instant::now() + DEADLINE;
        loop {
            in_time(end)?;
            let (first, data) = self.frame()?;
            if first != CLOSE {
                continue;
            }
            let Some((code, reason)) = data.split_first_chunk() else {
                return Ok((0, String::new()));
            };
            let reason = String::from_utf8_lossy(reason).into_owned();
            return Ok((u16::from_be_bytes(*code), reason));
        }
    }

    /// Whether nothing more comes except end of file.
    pub(crate) fn is_over(&mut self) -> io::Result<bool> {
        match self.stream.read(&mut [0]) {
            Ok(count) => Ok(count == 0),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Fails when the time is up, so that no test goes on forever.
pub(crate) fn in_time(end: Instant) -> io::Result<()> {
    if Instant::now() > end {
        return Err(io::Error::other("other frames come, and not the right one"));
    }
    Ok(())
}

/// A frame with a mask, which a client's frame must have.
pub(crate) fn frame(first: u8, data: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first];
    match data.len() {
        short @ 0..126 => frame.push(0x80 | short as u8),
        long => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(long).expect("a small frame").to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(data.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A close frame.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes()[..], reason].concat())
}
