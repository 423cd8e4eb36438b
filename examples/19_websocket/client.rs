//! The client for a terminal. It asks for a WebSocket as a browser does.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;

use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};

use super::earlier::http::head::{Head, MAX_FIRST_LINE, read_headers, read_line};
use super::earlier::http::text::shortened;
use super::earlier::screen;
use super::frames::{Reader, Received, Writer, frame};
use super::support::{Args, PATIENCE, mistake};

/// The two halves of a client's connection.
type Halves = (Reader<BufReader<TcpStream>>, Writer<TcpStream>);

/// Connects, and turns the connection into a WebSocket.
///
/// # Errors
///
/// Nothing listens there, or it's another kind of server.
// [open]
pub(crate) fn open(addr: &str) -> io::Result<Halves> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let key = generate_key();
    let request = format!(
        "GET /chat HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {key}\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;

    let mut reader = BufReader::new(stream.try_clone()?);
    let first = read_line(&mut reader, MAX_FIRST_LINE)?;
    let other = mistake(format!(
        "The server at {addr} has no chat room: it answers {}.\n\
         Is it the one of lesson 19?",
        shortened(&first)
    ));
    if !first.starts_with("HTTP/1.1 101 ") {
        return Err(other);
    }
    let head = Head { first, headers: read_headers(&mut reader)? };
    let accept: Vec<&str> = head.values("Sec-WebSocket-Accept").collect();
    if accept != [derive_accept_key(key.as_bytes())] {
        return Err(other); // what it sent doesn't make sense
    }
    stream.set_read_timeout(None)?; // a room can be quiet for hours
    Ok((Reader::new(reader, Role::Client), Writer::new(stream, Role::Client)))
}
// [/open]

/// What is typed goes to the room; what the room says goes to the screen.
pub(crate) fn client(args: &Args) -> io::Result<()> {
    let (reader, writer) = open(args.addr())?;
    let typed = writer.clone();
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            typed.text(String::from_utf8_lossy(&line).trim_end_matches('\r'))?;
        }
        typed.close(frame(CloseCode::Normal, "")) // nothing more to say
    });
    listen(reader, &writer, screen::show)
}

/// Shows what arrives, until the end. Answers pings and the close frame.
///
/// # Errors
///
/// It can't be read or written.
pub(crate) fn listen(
    mut reader: Reader<BufReader<TcpStream>>,
    writer: &Writer<TcpStream>,
    show: impl Fn(&str),
) -> io::Result<()> {
    loop {
        match reader.receive()? {
            Received::Text(text) => show(&text),
            Received::Ping(data) => writer.pong(data)?,
            Received::Pong | Received::Silence => {}
            Received::End(frame) => {
                show(&format!("(closed: {})", told(frame.as_ref())));
                let _ = writer.close(frame); // unless we closed it first
                return Ok(());
            }
            Received::Gone => {
                show("(the connection ended without a close frame)");
                return Ok(());
            }
        }
    }
}

/// A close frame in words.
fn told(frame: Option<&CloseFrame>) -> String {
    match frame {
        Some(CloseFrame { code, reason }) => {
            format!("{code} {reason}").trim_end().to_owned()
        }
        None => "without a code".to_owned(),
    }
}
