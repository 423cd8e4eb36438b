//! A request, as a server reads it.

use std::io::{self, BufRead, ErrorKind, Read};

use super::body::Body;
use super::error::{bad, broken, rejected};
use super::head::{Head, MAX_FIRST_LINE, peek, read_headers, read_line};
use super::text::{host_and_port, is_token, number, shortened};

/// A request, as far as a server needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, `HEAD` or another; case counts.
    pub(crate) method: String,
    /// Which page. It begins with `/`, or is `*` for the whole server. It has no query.
    pub(crate) path: String,
    /// Whether the client uses HTTP/1.1, and not 1.0.
    pub(crate) is_1_1: bool,
    /// How the body of the request ends.
    pub(crate) body: Body,
    /// Whether the client waits for permission to send the body.
    pub(crate) waits: bool,
    /// The first line and the headers.
    pub(crate) head: Head,
}

/// Reads the first line, with its newline if it isn't too long, and skips empty lines
/// before it. `None` if the client leaves, or sends nothing: browsers open connections
/// that they might not use.
///
/// # Errors
///
/// It ends too early, or can't be read.
pub(crate) fn read_first_line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut left = MAX_FIRST_LINE as u64;
    loop {
        match peek(reader) {
            Ok(Some(byte)) if byte.is_ascii_graphic() || b"\r\n".contains(&byte) => {}
            Ok(Some(byte)) => return Ok(Some(vec![byte])), // https, which has no lines
            Ok(None) => return Ok(None),
            Err(error) if is_silence(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
        let mut line = Vec::new();
        reader.by_ref().take(left).read_until(b'\n', &mut line)?;
        left -= line.len() as u64;
        if left > 0 && !line.ends_with(b"\n") {
            return Err(broken("the connection ended in the first line"));
        }
        if left == 0 || !matches!(&line[..], b"\r\n" | b"\n") {
            return Ok(Some(line));
        }
    }
}

/// Whether nothing came in time.
fn is_silence(error: &io::Error) -> bool {
    [ErrorKind::TimedOut, ErrorKind::WouldBlock].contains(&error.kind())
}

impl Request {
    /// Reads the rest of the head, and checks that all of it makes sense.
    ///
    /// # Errors
    ///
    /// A [`Rejection`](super::error::Rejection), if it doesn't; or the head ends too
    /// early, or can't be read.
    // [request]
    pub(crate) fn read(first: &[u8], reader: &mut impl BufRead) -> io::Result<Self> {
        if !first.ends_with(b"\n") {
            return Err(too_long(first));
        }
        let first = read_line(&mut &first[..], first.len())?;
        let words: Vec<&str> = first.split(' ').collect();
        let [method, target, version] = words[..] else { return Err(malformed()) };
        if !is_token(method) || !is_version(version) {
            return Err(malformed());
        }
        if !version.starts_with("HTTP/1.") {
            return Err(rejected("505 HTTP Version Not Supported", "this is HTTP/1.1"));
        }
        let path = path_of(method, target)?;
        let headers = read_headers(reader)?;
        let head = Head { first: first.clone(), headers };
        see_host(&head, version)?;
        let (body, is_1_1) = (body(&head, version)?, version != "HTTP/1.0");
        let waits = is_1_1 && waits_for_100(&head)?;
        Ok(Self { method: method.to_owned(), path, is_1_1, body, waits, head })
    }
    // [/request]
}

/// Whether this looks like `HTTP/1.1`.
fn is_version(word: &str) -> bool {
    let digits = word.strip_prefix("HTTP/").and_then(|digits| digits.split_once('.'));
    let is_digit = |text: &str| text.len() == 1 && number(text, 10).is_some();
    digits.is_some_and(|(major, minor)| is_digit(major) && is_digit(minor))
}

/// The page that a request's target names.
fn path_of(method: &str, target: &str) -> io::Result<String> {
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(bad(format!("this is not a target: {}", shortened(target))));
    }
    match (method, target) {
        ("CONNECT", _) => match host_and_port(target) {
            Some((host, Some(port))) if !host.is_empty() && is_port(port) => {
                Ok("*".to_owned())
            }
            _ => Err(bad(format!("not a host and a port: {}", shortened(target)))),
        },
        ("OPTIONS", "*") => Ok("*".to_owned()),
        _ if target.starts_with('/') => Ok(without_query(target)),
        _ => match target.split_once("://") {
            Some((scheme, rest)) if is_token(scheme) => absolute(scheme, rest),
            _ => Err(bad(format!("this is not a target: {}", shortened(target)))),
        },
    }
}

/// The page in a whole URL, which clients send to a proxy.
fn absolute(scheme: &str, rest: &str) -> io::Result<String> {
    if !scheme.eq_ignore_ascii_case("http") {
        return Err(rejected(
            "421 Misdirected Request",
            "this server is for http:// only",
        ));
    }
    let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    match host_and_port(host) {
        Some((name, _)) if !name.is_empty() => {}
        _ => return Err(bad(format!("this is not a host: {}", shortened(host)))),
    }
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(without_query(&format!("{slash}{path}")))
}

fn without_query(target: &str) -> String {
    target.split('?').next().unwrap_or_default().to_owned()
}

fn is_port(port: &str) -> bool {
    number(port, 10).is_some_and(|port| (1..=65535).contains(&port))
}

/// Checks that there is one `Host`, and that it looks like a host.
fn see_host(head: &Head, version: &str) -> io::Result<()> {
    let hosts: Vec<&str> = head.values("Host").collect();
    match hosts[..] {
        [] if version == "HTTP/1.0" => Ok(()),
        [] => Err(bad("there is no Host")),
        [host] if host_and_port(host).is_some() => Ok(()),
        [host] => Err(bad(format!("this is not a host: {}", shortened(host)))),
        _ => Err(bad("there is more than one Host")),
    }
}

/// How a request's body ends; if no header says so, there is no body.
fn body(head: &Head, version: &str) -> io::Result<Body> {
    let body = Body::announced(head, version)?;
    if head.has("Transfer-Encoding") && head.has("Content-Length") {
        return Err(bad("a body has a Content-Length or a Transfer-Encoding, not both"));
    }
    Ok(body.unwrap_or(Body::Length(0)))
}

/// Whether the client waits for `100 Continue`. We know no other expectation.
fn waits_for_100(head: &Head) -> io::Result<bool> {
    let expected = head.list("Expect");
    match expected.iter().all(|what| what.eq_ignore_ascii_case("100-continue")) {
        true => Ok(!expected.is_empty()),
        false => Err(rejected("417 Expectation Failed", "this cannot be expected here")),
    }
}

/// The error for a first line that doesn't end.
fn too_long(first: &[u8]) -> io::Error {
    let first = String::from_utf8_lossy(first);
    match first.split_once(' ') {
        Some((method, _)) if is_token(method) => {
            rejected("414 URI Too Long", format!("more than {MAX_FIRST_LINE} bytes"))
        }
        _ => malformed(),
    }
}

fn malformed() -> io::Error {
    bad("this is not a request in HTTP/1.1")
}

#[cfg(test)]
mod tests {
    use super::super::error::Rejection;
    use super::*;

    /// The request, or the status of its rejection.
    fn read(mut bytes: &[u8]) -> Result<Request, String> {
        let told = |error: io::Error| match Rejection::within(&error) {
            Some(rejection) => rejection.status[..3].to_owned(),
            None => error.to_string(),
        };
        let first = read_first_line(&mut bytes).map_err(told)?.ok_or("nothing")?;
        Request::read(&first, &mut bytes).map_err(told)
    }

    fn path(first: &str) -> Result<String, String> {
        read(format!("{first}\r\nHost: h\r\n\r\n").as_bytes())
            .map(|request| request.path)
    }

    #[test]
    fn a_target_has_one_of_four_forms() {
        for (first, expected) in [
            ("GET / HTTP/1.1", "/"),
            ("GET /a/b?c=d?/e HTTP/1.1", "/a/b"),
            ("GET /?x=1 HTTP/1.1", "/"),
            ("GET //h/a HTTP/1.1", "//h/a"),
            ("GET http://h/a?b HTTP/1.1", "/a"),
            ("GET HTTP://h:80 HTTP/1.1", "/"),
            ("GET http://[::1]:80?x HTTP/1.1", "/"),
            ("HEAD http://other/ HTTP/1.0", "/"),
            ("OPTIONS * HTTP/1.1", "*"),
            ("CONNECT h:443 HTTP/1.1", "*"),
            ("UNKNOWN /a HTTP/1.9", "/a"),
        ] {
            assert_eq!(path(first), Ok(expected.to_owned()), "{first}");
        }
        for (first, status) in [
            ("GET * HTTP/1.1", "400"),
            ("GET h:80 HTTP/1.1", "400"),
            ("GET a HTTP/1.1", "400"),
            ("GET /a#b HTTP/1.1", "400"),
            ("GET /\u{e9} HTTP/1.1", "400"),
            ("GET /\x7f HTTP/1.1", "400"),
            ("GET http:///a HTTP/1.1", "400"),
            ("GET http://:80/ HTTP/1.1", "400"),
            ("GET http://me@h/ HTTP/1.1", "400"),
            ("GET https://h/ HTTP/1.1", "421"),
            ("GET ftp://h/ HTTP/1.1", "421"),
            ("CONNECT h HTTP/1.1", "400"),
            ("CONNECT h: HTTP/1.1", "400"),
            ("CONNECT h:0 HTTP/1.1", "400"),
            ("CONNECT h:65536 HTTP/1.1", "400"),
        ] {
            assert_eq!(path(first), Err(status.to_owned()), "{first}");
        }
    }

    #[test]
    fn a_first_line_is_three_words() {
        for (first, status) in [
            ("GET /", "400"),
            ("GET", "400"),
            ("GET  / HTTP/1.1", "400"),
            (" GET / HTTP/1.1", "400"),
            ("GET / HTTP/1.1 ", "400"),
            ("GET\t/\tHTTP/1.1", "400"),
            ("GET / x HTTP/1.1", "400"),
            ("G(T / HTTP/1.1", "400"),
            ("GET / http/1.1", "400"),
            ("GET / HTTP/1", "400"),
            ("GET / HTTP/1.10", "400"),
            ("GET / HTTP/+.1", "400"),
            ("GET / HTTP/2.0", "505"),
            ("GET / HTTP/0.9", "505"),
            ("PRI * HTTP/2.0", "505"),
        ] {
            assert_eq!(path(first), Err(status.to_owned()), "{first}");
        }
    }

    #[test]
    fn a_request_says_what_comes_with_it() {
        for (headers, body) in [
            ("", Ok(Body::Length(0))),
            ("Content-Length: 5\r\n", Ok(Body::Length(5))),
            ("Content-Length: 5, 5\r\nContent-length: 5\r\n", Ok(Body::Length(5))),
            ("Transfer-Encoding: Chunked\r\n", Ok(Body::Chunked)),
            ("Transfer-Encoding: ,chunked\r\n", Ok(Body::Chunked)),
            ("Content-Length: +5\r\n", Err("400")),
            ("Content-Length: \r\n", Err("400")),
            ("Content-Length: 5 5\r\n", Err("400")),
            ("Content-Length: 5, 6\r\n", Err("400")),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", Err("400")),
            ("Content-Length: 18446744073709551616\r\n", Err("400")),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", Err("400")),
            ("Transfer-Encoding: \r\n", Err("400")),
            ("Transfer-Encoding: chunked, chunked\r\n", Err("400")),
            ("Transfer-Encoding: chunked, gzip\r\n", Err("400")),
            ("Transfer-Encoding: xchunked\r\n", Err("400")),
            ("Transfer-Encoding: gzip, chunked\r\n", Err("501")),
        ] {
            let request = format!("PUT / HTTP/1.1\r\nHost: h\r\n{headers}\r\n");
            let found = read(request.as_bytes()).map(|request| request.body);
            assert_eq!(found, body.map_err(str::to_owned), "{headers}");
        }
    }
}
