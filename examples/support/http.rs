//! HTTP/1.1 as far as lesson 16 needs it: a URL, the head of a message, its body.
//!
//! Nothing here knows a socket. Everything reads from any [`BufRead`], so that a test can
//! feed it from memory, in pieces of any size. What comes over the network is not to be
//! trusted: a head has a greatest size, a length is checked, and what is not HTTP is an
//! error of the kind [`InvalidData`](ErrorKind::InvalidData). A message that breaks off is
//! an [`UnexpectedEof`](ErrorKind::UnexpectedEof).

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::SocketAddr;

/// The longest head, in bytes: its first line and all headers together.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The most headers in a head.
pub(crate) const MAX_HEADERS: usize = 100;

/// The longest line before a chunk, in bytes.
const MAX_LENGTH_LINE: usize = 1024;

/// How many answers of the kind "wait, the real one comes later" are read.
const MAX_INTERIM: usize = 10;

/// What a URL such as `http://127.0.0.1:9016/bytes/10` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Where to connect to: host and port.
    pub(crate) addr: String,
    /// What the `Host` header says: the same, as it stands in the URL.
    pub(crate) host: String,
    /// What to ask for; begins with `/`.
    pub(crate) path: String,
}

impl Url {
    /// The first page of the server at `addr`.
    pub(crate) fn home(addr: SocketAddr) -> Self {
        Self { addr: addr.to_string(), host: addr.to_string(), path: "/".to_owned() }
    }

    /// Another page of the same server; `path` begins with `/`.
    pub(crate) fn page(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }

    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Two sentences for the student, if this is no URL of a page that can be fetched.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(format!(
                "`{text}` is not a URL.\nWrite one that begins with http://, as in \
                 http://127.0.0.1:9016/"
            ));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => {
                return Err("https is HTTP inside an encrypted connection, and this client \
                     does not encrypt.\nTry the same URL with http://, or give it to curl."
                    .to_owned());
            }
            _ => {
                return Err(format!(
                    "This client speaks HTTP and not `{scheme}`.\nWrite a URL that \
                     begins with http://"
                ));
            }
        }
        if let Some(letter) = rest.chars().find(|letter| !letter.is_ascii_graphic()) {
            return Err(format!(
                "A URL has no `{}` in it.\nWrite each such byte as a percent sign and two \
                 digits, as in %20 for a space.",
                letter.escape_default()
            ));
        }
        let rest = rest.split('#').next().unwrap_or_default(); // that part stays here
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{path}");
        Ok(Self { addr: address(host)?, host: host.to_owned(), path })
    }
}

/// Host and port of a URL's middle part; without a port it is 80.
fn address(host: &str) -> Result<String, String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "80"),
    };
    let bracketed = name.starts_with('[') && name.ends_with(']');
    let reason = if name.is_empty() {
        "the host is missing"
    } else if host.contains('@') {
        "this client sends no name and no password"
    } else if name.contains(':') && !bracketed {
        "an IPv6 address needs brackets, as in http://[::1]:9016/"
    } else if number(port, 10).is_none_or(|port| port > u64::from(u16::MAX)) {
        "the port is not a number from 0 to 65535"
    } else {
        return Ok(format!("{name}:{port}"));
    };
    Err(format!(
        "`{host}` is not a place to connect to: {reason}.\nWrite host, colon, port, as in \
         http://127.0.0.1:9016/"
    ))
}

/// The head of a message: a first line, and headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// `GET / HTTP/1.1` of a request, `HTTP/1.1 200 OK` of a response.
    pub(crate) first: String,
    /// Names and values, as they came.
    pub(crate) headers: Vec<(String, String)>,
}

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes: `Content-Length`.
    Length(u64),
    /// Each piece says how long it is, and one of no bytes is the last:
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// All that comes until the server closes the connection.
    UntilClose,
}

impl Head {
    /// The value of a header; of several, the first. Case does not count in a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// The values of all headers with this name.
    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_it = move |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| value.as_str())
    }

    /// The number in a response's first line: 200, 404.
    ///
    /// # Errors
    ///
    /// There is none: this is not HTTP.
    pub(crate) fn status(&self) -> io::Result<u16> {
        let mut words = self.first.splitn(3, ' ');
        let version = words.next().filter(|version| version.starts_with("HTTP/1."));
        let status = words.next().filter(|word| word.len() == 3);
        match (version, status.and_then(|word| number(word, 10))) {
            (Some(_), Some(status @ 100..)) => Ok(status as u16),
            _ => Err(bad(format!(
                "this is not an answer in HTTP/1.1: {}",
                shortened(&self.first)
            ))),
        }
    }

    /// Method and target of a request's first line: `GET` and `/`.
    ///
    /// # Errors
    ///
    /// The line has another form: this is not HTTP.
    pub(crate) fn request(&self) -> io::Result<(&str, &str)> {
        let words: Vec<&str> = self.first.split(' ').collect();
        match words[..] {
            [method, target, version]
                if is_token(method)
                    && target.starts_with('/')
                    && version.starts_with("HTTP/1.") =>
            {
                Ok((method, target))
            }
            _ => Err(bad(format!(
                "this is not a request in HTTP/1.1: {}",
                shortened(&self.first)
            ))),
        }
    }

    /// How the end of this response's body is known.
    ///
    /// # Errors
    ///
    /// The headers contradict each other, or say what this client does not understand.
    pub(crate) fn body(&self) -> io::Result<Body> {
        if [204, 304].contains(&self.status()?) {
            return Ok(Body::Length(0)); // these two never have one
        }
        let codings: Vec<&str> = self.values("Transfer-Encoding").collect();
        match codings[..] {
            [] => {}
            [coding] if coding.eq_ignore_ascii_case("chunked") => {
                return Ok(Body::Chunked);
            }
            _ => {
                let codings = shortened(&codings.join(", "));
                return Err(bad(format!(
                    "the body is packed in a way unknown: {codings}"
                )));
            }
        }
        let mut lengths =
            self.values("Content-Length").flat_map(|value| value.split(','));
        let Some(first) = lengths.next() else { return Ok(Body::UntilClose) };
        let Some(length) = number(first.trim(), 10) else {
            return Err(bad(format!(
                "the body's length is no number: {}",
                shortened(first)
            )));
        };
        if lengths.any(|other| number(other.trim(), 10) != Some(length)) {
            return Err(bad("the body has two different lengths".to_owned()));
        }
        Ok(Body::Length(length))
    }

    /// The length of this response's body, if the headers say it.
    pub(crate) fn length(&self) -> Option<u64> {
        match self.body() {
            Ok(Body::Length(length)) => Some(length),
            _ => None,
        }
    }
}

impl fmt::Display for Head {
    /// The head as it came, with its blank line, fit for the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(self.first.as_bytes()))?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", printable(value.as_bytes()))?;
        }
        writeln!(f)
    }
}

/// A text with `mark` before each of its lines.
pub(crate) fn marked(mark: &str, text: &str) -> String {
    let marked = |line: &str| format!("{mark} {line}").trim_end().to_owned();
    text.lines().map(marked).collect::<Vec<_>>().join("\n")
}

/// Reads a head: lines up to the first blank one. `None` if there is nothing to read.
///
/// # Errors
///
/// It is too long, is not HTTP, breaks off, or cannot be read.
// [head]
pub(crate) fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut left = MAX_HEAD;
    let first = read_line(reader, &mut left)?;
    if first.is_empty() {
        return Ok(None);
    }
    let mut head = Head { first: text_of(&first)?, headers: Vec::new() };
    loop {
        let line = text_of(&read_line(reader, &mut left)?)?;
        if line.is_empty() {
            return Ok(Some(head)); // the blank line: here the head ends
        }
        if head.headers.len() == MAX_HEADERS {
            return Err(bad(format!("the head has more than {MAX_HEADERS} headers")));
        }
        match line.split_once(':') {
            Some((name, value)) if is_token(name) => {
                head.headers.push((name.to_owned(), value.trim().to_owned()));
            }
            _ => return Err(bad(format!("this is not a header: {}", shortened(&line)))),
        }
    }
}
// [/head]

/// Reads the head of a response. Heads of the kind "wait" (status 1xx) are passed over.
///
/// # Errors
///
/// Those of [`read_head`]; and a connection that ends without a byte is an error too.
pub(crate) fn read_response(reader: &mut impl BufRead) -> io::Result<Head> {
    for _ in 0..MAX_INTERIM {
        let Some(head) = read_head(reader)? else {
            return Err(broken("the connection ended without an answer".to_owned()));
        };
        if head.status()? >= 200 {
            return Ok(head);
        }
    }
    Err(bad(format!("{MAX_INTERIM} answers that only say: wait")))
}

/// Reads a body and writes it to `out`. Returns the number of its bytes.
///
/// # Errors
///
/// It breaks off, is not HTTP, or cannot be read; and those of writing.
pub(crate) fn read_body(
    reader: &mut impl BufRead,
    body: Body,
    out: &mut impl Write,
) -> io::Result<u64> {
    match body {
        Body::Length(length) => read_exactly(reader, length, out),
        Body::Chunked => read_chunks(reader, out),
        Body::UntilClose => read_at_most(reader, u64::MAX, out),
    }
}

/// Reads a chunked body: a length in hexadecimal, so many bytes, and again.
// [chunks]
fn read_chunks(reader: &mut impl BufRead, out: &mut impl Write) -> io::Result<u64> {
    let mut total = 0_u64;
    loop {
        let mut left = MAX_LENGTH_LINE;
        let line = text_of(&read_line(reader, &mut left)?)?;
        let length = line.split(';').next().unwrap_or_default().trim();
        let Some(length) = number(length, 16) else {
            return Err(bad(format!("this is not a length: {}", shortened(&line))));
        };
        if length == 0 {
            return skip_trailer(reader).map(|()| total);
        }
        total = total.saturating_add(read_exactly(reader, length, out)?);
        let mut left = MAX_LENGTH_LINE;
        if !text_of(&read_line(reader, &mut left)?)?.is_empty() {
            return Err(bad("a piece is longer than it says".to_owned()));
        }
    }
}
// [/chunks]

/// Reads the headers that may stand behind the last chunk, and the blank line.
fn skip_trailer(reader: &mut impl BufRead) -> io::Result<()> {
    let mut left = MAX_HEAD;
    while !text_of(&read_line(reader, &mut left)?)?.is_empty() {}
    Ok(())
}

/// Reads exactly `length` bytes.
fn read_exactly(
    reader: &mut impl BufRead,
    length: u64,
    out: &mut impl Write,
) -> io::Result<u64> {
    let count = read_at_most(reader, length, out)?;
    if count < length {
        return Err(broken(format!(
            "the connection ended after {count} of {length} bytes"
        )));
    }
    Ok(count)
}

/// Reads until there is no more, or `length` bytes.
fn read_at_most(
    reader: &mut impl BufRead,
    length: u64,
    out: &mut impl Write,
) -> io::Result<u64> {
    let mut count = 0;
    while count < length {
        let part = match reader.fill_buf() {
            Ok(part) => part,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let wanted = usize::try_from(length - count).unwrap_or(usize::MAX);
        let part = &part[..part.len().min(wanted)];
        if part.is_empty() {
            break;
        }
        out.write_all(part)?;
        let used = part.len();
        reader.consume(used);
        count += used as u64;
    }
    Ok(count)
}

/// Reads a line with its end, of at most `left` bytes, and takes those off `left`.
/// Nothing at all is the end of the connection.
fn read_line(reader: &mut impl BufRead, left: &mut usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.by_ref().take(*left as u64).read_until(b'\n', &mut line)?;
    *left -= line.len();
    if *left == 0 && !line.ends_with(b"\n") {
        return Err(bad("a line, or the head, is too long".to_owned()));
    }
    Ok(line)
}

/// A line as text, without its end.
fn text_of(line: &[u8]) -> io::Result<String> {
    let Some(line) = line.strip_suffix(b"\n") else {
        return Err(broken("the connection ended in the middle of the head".to_owned()));
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    Ok(String::from_utf8_lossy(line).into_owned())
}

/// Bytes from the network, fit for the screen: what could command the terminal is
/// replaced.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let harmless =
        |letter: char| letter == '\n' || letter == '\t' || !letter.is_control();
    text.chars()
        .filter(|letter| *letter != '\r')
        .map(|letter| if harmless(letter) { letter } else { '\u{fffd}' })
        .collect()
}

/// A number of digits only: no sign, no space, and not too large.
fn number(digits: &str, radix: u32) -> Option<u64> {
    let only = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix));
    only.then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

/// Whether this may be a method, or a header's name.
fn is_token(name: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_part)
}

/// The beginning of what came, in quotes, for a message.
fn shortened(text: &str) -> String {
    let beginning: String = text.chars().take(40).collect();
    format!("`{}`", printable(beginning.as_bytes()))
}

/// The other side does not speak HTTP.
fn bad(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}

/// The other side broke off.
fn broken(message: String) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, message)
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    /// Gives what it has in pieces of one byte, then two, three, one, ..
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = self.1 % 3 + 1;
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    /// Reads a response in one piece and in many, which must make no difference.
    fn read(bytes: &[u8]) -> Result<(Head, Vec<u8>), (ErrorKind, String)> {
        fn from(reader: &mut impl BufRead) -> io::Result<(Head, Vec<u8>)> {
            let head = read_response(reader)?;
            let mut body = Vec::new();
            let count = read_body(reader, head.body()?, &mut body)?;
            assert_eq!(count, body.len() as u64);
            Ok((head, body))
        }
        let told = |error: io::Error| (error.kind(), error.to_string());
        let whole = from(&mut &bytes[..]).map_err(told);
        for capacity in [1, 2, 7, 8192] {
            let pieces = Pieces(bytes, 0);
            let mut reader = BufReader::with_capacity(capacity, pieces);
            assert_eq!(from(&mut reader).map_err(told), whole);
        }
        whole
    }

    fn body(bytes: &[u8]) -> Vec<u8> {
        read(bytes).expect("a response").1
    }

    fn refused(bytes: &[u8]) -> (ErrorKind, String) {
        read(bytes).expect_err("this is no response")
    }

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() -> Result<(), String> {
        for (text, addr, host, path) in [
            ("http://127.0.0.1:9016/a/b", "127.0.0.1:9016", "127.0.0.1:9016", "/a/b"),
            ("http://example.org", "example.org:80", "example.org", "/"),
            ("HTTP://[::1]:9016/", "[::1]:9016", "[::1]:9016", "/"),
            ("http://[::1]/", "[::1]:80", "[::1]", "/"),
            ("http://h?q=1#part", "h:80", "h", "/?q=1"),
            ("http://h/a://b:c@d", "h:80", "h", "/a://b:c@d"),
        ] {
            let expected =
                Url { addr: addr.into(), host: host.into(), path: path.into() };
            assert_eq!(Url::parse(text)?, expected, "{text}");
        }
        let home = Url::home(([127, 0, 0, 1], 9016).into());
        assert_eq!(home, Url::parse("http://127.0.0.1:9016")?);
        assert_eq!(home.page("/a"), Url::parse("http://127.0.0.1:9016/a")?);
        Ok(())
    }

    #[test]
    fn what_is_no_url_is_answered_in_words() {
        for (text, words) in [
            ("127.0.0.1:9016", "is not a URL"),
            ("https://example.org/", "does not encrypt"),
            ("ftp://example.org/", "not `ftp`"),
            ("http://", "the host is missing"),
            ("http://:80/", "the host is missing"),
            ("http://h:/", "not a number from 0"),
            ("http://h:65536/", "not a number from 0"),
            ("http://h:+1/", "not a number from 0"),
            ("http://::1/", "needs brackets"),
            ("http://me:secret@h/", "no password"),
            ("http://h/a b", "no ` ` in it"),
            ("http://h/\r\nX: y", "no `\\r` in it"),
            ("http://h/\u{e9}", "no `\\u{e9}` in it"),
        ] {
            let message = Url::parse(text).expect_err(text);
            assert!(message.contains(words), "{text}: {message}");
            assert_eq!(message.lines().count(), 2, "{text}: {message}");
        }
    }

    #[test]
    fn a_body_ends_in_one_of_three_ways() {
        assert_eq!(
            body(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nHello, world"),
            b"Hello"
        );
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\nuntil the end"), b"until the end");
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
            5\r\nHello\r\n7;x=y\r\n, world\r\n0\r\nTrailer: 1\r\n\r\nnot read";
        assert_eq!(body(chunked), b"Hello, world");
        assert_eq!(body(b"HTTP/1.1 204 No Content\r\n\r\n"), b"");
        assert_eq!(body(b"HTTP/1.1 200 OK\nContent-Length: 2, 2\n\nok"), b"ok");
        assert_eq!(
            body(b"HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok"),
            b"ok"
        );
    }

    #[test]
    fn headers_are_found_whatever_their_case() {
        let (head, _) =
            read(b"HTTP/1.1 404 Not Found\r\nX-A:  one \r\nx-a: two\r\n\r\n")
                .expect("a response");
        assert_eq!((head.header("X-a"), head.header("y")), (Some("one"), None));
        assert_eq!(head.status().ok(), Some(404));
    }

    #[test]
    fn what_breaks_off_is_an_early_end() {
        for bytes in [
            &b""[..],
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\nA: b",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHello",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHel",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        ] {
            let (kind, message) = refused(bytes);
            assert_eq!(
                kind,
                ErrorKind::UnexpectedEof,
                "{}: {message}",
                bytes.escape_ascii()
            );
        }
        assert!(
            refused(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHello")
                .1
                .contains("5 of 10")
        );
    }

    #[test]
    fn what_is_not_http_is_refused() {
        let long = [b"HTTP/1.1 200 ".to_vec(), vec![b'x'; MAX_HEAD]].concat();
        let many =
            [&b"HTTP/1.1 200 OK\r\n"[..], &b"A: b\r\n".repeat(MAX_HEADERS + 1), b"\r\n"];
        let waits = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(MAX_INTERIM + 1);
        for (bytes, words) in [
            (&b"SSH-2.0-x\r\n\r\n"[..], "not an answer in HTTP/1.1: `SSH-2.0-x`"),
            (b"HTTP/2 200\r\n\r\n", "not an answer"),
            (b"HTTP/1.1 099 x\r\n\r\n", "not an answer"),
            (b"HTTP/1.1 +20 x\r\n\r\n", "not an answer"),
            (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not a header: `no colon`"),
            (b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", "not a header"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "is no number"),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "no number",
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "two different",
            ),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "unknown: `gzip`"),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                "not a length",
            ),
            (
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
                "longer than it says",
            ),
            (&long, "too long"),
            (&many.concat(), "more than 100 headers"),
            (&waits, "only say: wait"),
        ] {
            let (kind, message) = refused(bytes);
            assert_eq!(kind, ErrorKind::InvalidData, "{message}");
            assert!(message.contains(words), "no `{words}` in: {message}");
        }
    }

    #[test]
    fn a_request_has_a_method_and_a_target() -> io::Result<()> {
        let first = |text: &str| Head { first: text.to_owned(), headers: Vec::new() };
        assert_eq!(first("GET /a?b HTTP/1.1").request()?, ("GET", "/a?b"));
        for text in [
            "GET /",
            "GET  / HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET x HTTP/1.1",
            "GET / HTTP/2",
        ] {
            assert!(first(text).request().is_err(), "{text}");
        }
        Ok(())
    }

    #[test]
    fn any_bytes_at_all_end_in_an_answer_or_an_error() {
        // A linear congruential generator: the same numbers in each run.
        let mut state = 1_u32;
        let mut random = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let words: [&[u8]; 12] = [
            b"HTTP/1.1 200 OK",
            b"\r\n",
            b"\n",
            b"Content-Length: ",
            b": ",
            b"4",
            b"ffff",
            b"Transfer-Encoding: chunked",
            b"\r\n\r\n",
            b"0\r\n\r\n",
            b"\xff\x00",
            b"abcd",
        ];
        for _ in 0..3000 {
            let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
            for _ in 0..random(12) {
                bytes.extend_from_slice(words[random(words.len())]);
            }
            let _ = read(&bytes); // `read` compares whole and in pieces
        }
    }

    #[test]
    fn a_head_is_shown_as_it_came() -> io::Result<()> {
        let text = "HTTP/1.1 200 OK\nA: \u{fffd}[2J\n\n";
        let Some(head) = read_head(&mut &b"HTTP/1.1 200 OK\r\nA: \x1b[2J\r\n\r\n"[..])?
        else {
            panic!("no head")
        };
        assert_eq!(head.to_string(), text);
        assert_eq!(marked("<", text), "< HTTP/1.1 200 OK\n< A: \u{fffd}[2J\n<");
        Ok(())
    }

    #[test]
    fn the_screen_obeys_nobody_but_us() {
        assert_eq!(printable(b"a\x1b[2Jb\r\n\xff\tc"), "a\u{fffd}[2Jb\n\u{fffd}\tc");
    }
}
