//! A WebSocket by hand: enough of one to be a guest in lesson 19's room.

use std::fmt;

use crate::broken::{Broken, shown};
use crate::client::{Client, End, Got, PATIENCE};
use crate::program::Server;

/// The key and its answer from the example in RFC 6455.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ANSWER: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A guest: a connection that has become a WebSocket.
#[derive(Debug)]
pub(crate) struct Guest {
    client: Client,
    /// The names and values of the answer's head.
    head: Vec<(String, String)>,
}

/// What a guest receives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A text.
    Text(String),
    /// A close frame, and its code, if it has one.
    Close(Option<u16>),
    /// Something else came instead of a frame.
    Other(String),
}

impl Guest {
    /// Asks for a WebSocket, with more headers if there are some.
    pub(crate) fn connect(
        server: &Server<'_>,
        more: &[(&str, &str)],
    ) -> Result<Self, Broken> {
        let mut client = Client::connect(server)?;
        let more: String =
            more.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        client.send(format!(
            "GET /chat HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {KEY}\r\n{more}\r\n",
            server.addr
        ));
        let head = client.read_while(PATIENCE, |bytes| !bytes.ends_with(b"\r\n\r\n"));
        let text = String::from_utf8_lossy(&head.bytes).into_owned();
        let headers = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> = headers
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let guest = Self { client, head: headers };
        if !text.starts_with("HTTP/1.1 101 ")
            || guest.header("Sec-WebSocket-Accept") != [ANSWER]
        {
            return Err(Broken::new(
                "`/chat` is a WebSocket, as in the lesson: a client that asks for it gets 101, \
                 and then frames.",
            )
            .sent(match more.trim_end() {
                "" => "the request of a WebSocket for /chat".to_owned(),
                more => format!("the request of a WebSocket for /chat, with {more:?}"),
            })
            .expected(format!("HTTP/1.1 101, and Sec-WebSocket-Accept: {ANSWER}"))
            .received(head.to_string()));
        }
        Ok(guest)
    }

    /// All values of a header of the answer.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let is_it = |(it, _): &&(String, String)| it.eq_ignore_ascii_case(name);
        self.head.iter().filter(is_it).map(|(_, value)| value.as_str()).collect()
    }

    /// Sends a line.
    pub(crate) fn says(&mut self, line: &str) -> &mut Self {
        self.sends(0x81, line.as_bytes())
    }

    /// Sends a close frame.
    pub(crate) fn closes(&mut self, code: u16) -> &mut Self {
        self.sends(0x88, &code.to_be_bytes())
    }

    /// Leaves without a close frame.
    pub(crate) fn goes(mut self) {
        self.client.end();
    }

    fn sends(&mut self, first: u8, data: &[u8]) -> &mut Self {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = vec![first];
        match u16::try_from(data.len()).unwrap_or(u16::MAX) {
            short @ 0..126 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend(long.to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(data.iter().zip(mask.iter().cycle()).map(|(it, mask)| it ^ mask));
        self.client.send(frame);
        self
    }

    /// The next text or close frame. Pings are answered.
    pub(crate) fn hears(&mut self) -> Heard {
        loop {
            let head = self.client.read(2);
            let [first, length] = head.bytes[..] else {
                return Heard::Other(head.to_string());
            };
            let length = match length {
                126 => match self.client.read(2).bytes[..] {
                    [high, low] => usize::from(u16::from_be_bytes([high, low])),
                    _ => return Heard::Other("half a frame".to_owned()),
                },
                127.. => return Heard::Other(format!("a frame {}", shown(&head.bytes))),
                short => usize::from(short),
            };
            let Got { bytes, end } = self.client.read(length);
            if end != End::Enough {
                return Heard::Other("half a frame".to_owned());
            }
            match first {
                0x81 => {
                    return String::from_utf8(bytes).map_or_else(
                        |error| Heard::Other(shown(error.as_bytes())),
                        Heard::Text,
                    );
                }
                0x88 => {
                    let code = bytes.first_chunk().map(|code| u16::from_be_bytes(*code));
                    return Heard::Close(code);
                }
                0x89 => drop(self.sends(0x8a, &bytes)),
                0x8a => {}
                other => return Heard::Other(format!("a frame that begins {other:#x}")),
            }
        }
    }

    /// The next texts, until one is `wanted` by the caller.
    pub(crate) fn hears_eventually(
        &mut self,
        what: &str,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Broken> {
        for _ in 0..40 {
            match self.hears() {
                Heard::Text(text) if wanted(&text) => return Ok(()),
                Heard::Text(_) => {}
                other => {
                    return Err(Broken::new(
                        "The room of the lesson goes on as it was: names, joins, lines.",
                    )
                    .expected(what)
                    .received(other.to_string()));
                }
            }
        }
        Err(Broken::new("Forty other lines came before it, or instead of it.")
            .expected(what)
            .received("others"))
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "the text {text:?}"),
            Self::Close(Some(code)) => write!(f, "a close frame with the code {code}"),
            Self::Close(None) => f.write_str("a close frame without a code"),
            Self::Other(what) => f.write_str(what),
        }
    }
}
