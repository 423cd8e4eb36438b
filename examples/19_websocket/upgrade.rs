//! What a browser asks for first: the page, or a WebSocket instead of HTTP.

use std::io::{self, BufRead, Write};

use tungstenite::handshake::derive_accept_key;

use super::earlier::http::error::{Rejection, bad, rejected};
use super::earlier::http::head::Head;
use super::earlier::http::request::{Request, read_first_line};

/// The page. It needs no other file.
const PAGE: &str = include_str!("page.html");

/// Reads a request and answers it. Returns whether the connection is a WebSocket now.
///
/// # Errors
///
/// The client disconnects, or can't be read or written.
// [answer]
pub(crate) fn answer(client: &mut (impl BufRead + Write)) -> io::Result<bool> {
    let Some(first) = read_first_line(client)? else { return Ok(false) };
    let request = match Request::read(&first, client) {
        Ok(request) => request,
        Err(error) => return refuse(client, error),
    };
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/chat") => match accept_key(&request) {
            Ok(key) => switch(client, &key),
            Err(error) => refuse(client, error),
        },
        ("GET", "/") => respond(client, "200 OK", "text/html", PAGE.len(), PAGE),
        ("HEAD", "/") => respond(client, "200 OK", "text/html", PAGE.len(), ""),
        ("GET", _) => refuse(client, rejected("404 Not Found", "no such page")),
        ("HEAD", _) => respond(client, "404 Not Found", "text/plain", 0, ""),
        _ => refuse(client, rejected("405 Method Not Allowed", "only GET and HEAD")),
    }
}
// [/answer]

/// The number that proves to the client that we know WebSockets.
///
/// # Errors
///
/// A [`Rejection`] says what is missing.
// [accept]
fn accept_key(Request { head, is_1_1, .. }: &Request) -> io::Result<String> {
    let has =
        |name, word| head.list(name).iter().any(|it| it.eq_ignore_ascii_case(word));
    let only = |name| head.values(name).collect::<Vec<_>>();
    if !is_1_1 || !has("Connection", "upgrade") || !has("Upgrade", "websocket") {
        return Err(rejected(
            "426 Upgrade Required",
            "this is for WebSockets; the page is at /",
        ));
    }
    if only("Sec-WebSocket-Version") != ["13"] {
        return Err(rejected("426 Upgrade Required", "only version 13"));
    }
    // A browser lets any page connect to any server, and says which page it is.
    if !is_our_own(head) {
        return Err(rejected("403 Forbidden", "not from this page"));
    }
    match only("Sec-WebSocket-Key")[..] {
        [key] if is_key(key) => Ok(derive_accept_key(key.as_bytes())),
        _ => Err(bad("no Sec-WebSocket-Key, or not a good one")),
    }
}

/// Whether the page comes from this server. Programs that aren't browsers have no `Origin`.
fn is_our_own(head: &Head) -> bool {
    let origins: Vec<&str> = head.values("Origin").collect();
    let [origin] = origins[..] else { return origins.is_empty() };
    let (_, host) = origin.split_once("://").unwrap_or_default();
    head.values("Host").any(|it| it.eq_ignore_ascii_case(host))
}
// [/accept]

/// Whether this is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    let digits = key.strip_suffix("==").unwrap_or_default();
    digits.len() == 22 && digits.bytes().all(is_part)
}

/// From here on, frames go both ways.
fn switch(client: &mut impl Write, key: &str) -> io::Result<bool> {
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n\r\n"
    );
    client.write_all(head.as_bytes())?;
    Ok(true)
}

/// Replies to a bad request, if it's the client's fault.
fn refuse(client: &mut impl Write, error: io::Error) -> io::Result<bool> {
    let Some(Rejection { status, why }) = Rejection::within(&error) else {
        return Err(error);
    };
    let why = format!("{why}\n");
    respond(client, status, "text/plain", why.len(), &why)
}

fn respond(
    client: &mut impl Write,
    status: &str,
    kind: &str,
    length: usize,
    text: &str,
) -> io::Result<bool> {
    let more = match &status[..3] {
        "405" => "Allow: GET, HEAD\r\nConnection: close\r\n",
        "426" => {
            "Upgrade: websocket\r\nConnection: close, Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\n"
        }
        _ => "Connection: close\r\n",
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}; charset=utf-8\r\n\
         Content-Length: {length}\r\n{more}\r\n"
    );
    client.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice())?;
    Ok(false)
}
