//! The responses of lesson 16's server: the pages of a small web server.

use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant, SystemTime};

use super::body::{Body, read_body};
use super::date::date;
use super::error::Rejection;
use super::request::{Request, read_first_line};
use super::text::number;

/// The first page. It names the others.
const WELCOME: &str = "\
Hello from lesson 16.
/bytes/1000000  1000000 bytes
/chunked        a body in pieces
/until-close    a body without a length
";

/// The most bytes that `/bytes/..` sends.
const MAX_BYTES: u64 = 10_000_000_000;

/// The longest body that a request can have, in bytes. The server has no use for it.
const MAX_BODY: u64 = 1_000_000;

/// How long the server goes on reading an unwanted body.
const MAX_DROPPING: Duration = Duration::from_secs(60);

/// What the server sends after a head.
#[derive(Debug)]
enum Content<'a> {
    /// Nothing, not even a length.
    Nothing,
    /// A text, with its length.
    Text(&'a str),
    /// This many bytes, with their number.
    Bytes(u64),
    /// A text in chunks, each with its length.
    Chunks(&'a [&'a str]),
    /// A text that ends where the connection ends.
    UntilClose(&'a str),
}

/// Reads one request and answers it.
///
/// # Errors
///
/// Reading or writing fails, or the connection ends too early. A bad request isn't an
/// error here: it gets a response that says what's wrong.
// [answer]
pub(crate) fn answer<C: BufRead + Write>(client: &mut C) -> io::Result<()> {
    let Some(first) = read_first_line(client)? else {
        return Ok(()); // browsers open connections that they might not use
    };
    let is_head = first.starts_with(b"HEAD ");
    match Request::read(&first, client) {
        Ok(request) => {
            let (status, content) = page(&request);
            send(client, status, &content, is_head, request.is_1_1)?;
            if !request.waits {
                drop_body(client, request.body);
            }
            Ok(())
        }
        Err(error) => match Rejection::within(&error) {
            Some(Rejection { status, why }) => {
                let why = format!("{why}\n");
                send(client, status, &Content::Text(&why), is_head, true)
            }
            None => Err(error),
        },
    }
}
// [/answer]

/// Status and content of the response to a request.
fn page(request: &Request) -> (&'static str, Content<'static>) {
    match request.method.as_str() {
        "GET" | "HEAD" => {}
        "POST" | "PUT" | "PATCH" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" => {
            let words = "only GET and HEAD are answered\n";
            return ("405 Method Not Allowed", Content::Text(words));
        }
        _ => return ("501 Not Implemented", Content::Text("no such method\n")),
    }
    if matches!(request.body, Body::Length(length) if length > MAX_BODY) {
        return ("413 Content Too Large", Content::Text("send no body\n"));
    }
    let (status, content) = found(&request.path);
    let has = |name, word| request.head.values(name).any(|value| value == word);
    if status != "200 OK" {
        (status, content)
    } else if request.head.has("If-Match") && !has("If-Match", "*") {
        ("412 Precondition Failed", Content::Text("our pages have no tags\n"))
    } else if has("If-None-Match", "*") {
        ("304 Not Modified", Content::Nothing) // `*` means "only if there is no page"
    } else {
        (status, content)
    }
}

/// The page with this path.
fn found(path: &str) -> (&'static str, Content<'static>) {
    let count = path.strip_prefix("/bytes/").and_then(|count| number(count, 10));
    if let Some(count) = count.filter(|count| *count <= MAX_BYTES) {
        return ("200 OK", Content::Bytes(count));
    }
    match path {
        "/" => ("200 OK", Content::Text(WELCOME)),
        "/chunked" => ("200 OK", Content::Chunks(&["one, ", "two, ", "three\n"])),
        "/until-close" => {
            ("200 OK", Content::UntilClose("it is over when it is over\n"))
        }
        _ => ("404 Not Found", Content::Text("no such page\n")),
    }
}

/// Writes a response: without content, if the client asked only for the head, and
/// without chunks, if it uses HTTP/1.0, which doesn't have them.
fn send(
    out: &mut impl Write,
    status: &str,
    content: &Content<'_>,
    is_head: bool,
    is_1_1: bool,
) -> io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\n");
    if let Some(date) = date(SystemTime::now()) {
        head += &format!("Date: {date}\r\n");
    }
    head += match content {
        Content::Nothing => "",
        Content::Bytes(_) => "Content-Type: application/octet-stream\r\n",
        _ => "Content-Type: text/plain; charset=utf-8\r\n",
    };
    head += &match content {
        Content::Text(text) => format!("Content-Length: {}\r\n", text.len()),
        Content::Bytes(count) => format!("Content-Length: {count}\r\n"),
        Content::Chunks(_) if is_1_1 => "Transfer-Encoding: chunked\r\n".to_owned(),
        Content::Chunks(_) | Content::UntilClose(_) | Content::Nothing => String::new(),
    };
    if status.starts_with("405") {
        head += "Allow: GET, HEAD\r\n";
    }
    head += "Connection: close\r\n\r\n";
    out.write_all(head.as_bytes())?;
    match content {
        _ if is_head => Ok(()),
        Content::Nothing => Ok(()),
        Content::Text(text) | Content::UntilClose(text) => {
            out.write_all(text.as_bytes())
        }
        Content::Bytes(count) => send_bytes(out, *count),
        Content::Chunks(pieces) if is_1_1 => send_chunks(out, pieces),
        Content::Chunks(pieces) => out.write_all(pieces.concat().as_bytes()),
    }
}

/// Sends many bytes.
fn send_bytes(out: &mut impl Write, count: u64) -> io::Result<()> {
    let block = [b'x'; 64 * 1024];
    let mut left = count;
    while left > 0 {
        let part = left.min(block.len() as u64);
        out.write_all(&block[..part as usize])?;
        left -= part;
    }
    Ok(())
}

/// Sends a text in chunks, each with its length in front, and the last with no bytes.
fn send_chunks(out: &mut impl Write, pieces: &[&str]) -> io::Result<()> {
    for piece in pieces {
        write!(out, "{:x}\r\n{piece}\r\n", piece.len())?;
    }
    out.write_all(b"0\r\n\r\n")
}

/// Reads the body that came with the request, and drops it. Many clients read the
/// response only after they have sent the whole body. If the server closes earlier, their
/// upload fails.
fn drop_body(client: &mut impl BufRead, body: Body) {
    let mut bin = Bin { end: Instant::now() + MAX_DROPPING };
    let _ = read_body(client, body, &mut bin); // an error doesn't matter any more
}

/// Accepts all that is written to it, until `end`.
#[derive(Debug)]
struct Bin {
    end: Instant,
}

impl Write for Bin {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if Instant::now() > self.end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
