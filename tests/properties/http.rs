//! HTTP: however a message is cut into reads, and whatever its bytes are, it is the same
//! message or the same error; and no message, however long, is kept.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use crate::choices::{Choices, Verdict, check, same};

#[path = "../../examples/support/http.rs"]
#[allow(dead_code, reason = "its programs use the rest")]
mod code;

use code::{Head, MAX_HEAD, Url, printable, read_body, read_response};

/// What is read: the head, the body and what is left; or the error.
type Message = Result<(Head, Vec<u8>, Vec<u8>), (ErrorKind, String)>;

fn read(mut reader: impl BufRead) -> Message {
    let mut read = || {
        let head = read_response(&mut reader)?;
        let mut body = Vec::new();
        let count = read_body(&mut reader, head.body()?, &mut body)?;
        assert_eq!(count, body.len() as u64);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest)?;
        Ok((head, body, rest))
    };
    read().map_err(|error: io::Error| (error.kind(), error.to_string()))
}

/// Gives its bytes in reads of these sizes, and then one by one.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: Vec<usize>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes.pop().unwrap_or(1);
        if size == 0 {
            return Err(ErrorKind::Interrupted.into());
        }
        let (bytes, rest) = self.bytes.split_at(size.min(self.bytes.len()));
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.bytes = if count < bytes.len() { &self.bytes[count..] } else { rest };
        Ok(count)
    }
}

/// Reads in one piece and in many, which must make no difference.
fn read_both(choices: &mut Choices<'_, '_>, bytes: &[u8]) -> Result<Message, String> {
    let sizes = choices.up_to(50, |choices| choices.below(8));
    let capacity = choices.one_of(&[1, 2, 7, 64, 8192]);
    let whole = read(bytes);
    let pieces = Pieces { bytes, sizes };
    let cut = read(BufReader::with_capacity(capacity, pieces));
    same(&cut, &whole, format!("in pieces: {}", bytes.escape_ascii()))?;
    Ok(whole)
}

#[test]
fn any_bytes_are_the_same_in_any_pieces() {
    const WORDS: [&[u8]; 16] = [
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b"Content-Length: ",
        b"Transfer-Encoding: chunked\r\n",
        b"A: b\r\n",
        b": ",
        b"0",
        b"4",
        b"ffffffffffffffff",
        b";",
        b"abcd",
        b"\xff\x00",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b" ",
    ];
    check(|choices| {
        let words = choices.up_to(20, |choices| choices.one_of(&WORDS));
        read_both(choices, &words.concat()).map(drop)
    });
}

/// A name or a value of a header.
fn word(choices: &mut Choices<'_, '_>) -> String {
    let letters = choices.up_to(12, |choices| choices.one_of(b"abcXYZ019-_"));
    format!("x{}", String::from_utf8(letters).unwrap())
}

/// Writes a response in one of the ways in which one can be written. Returns its bytes
/// and whether only the end of the connection ends it.
fn write(
    choices: &mut Choices<'_, '_>,
    head: &mut Head,
    body: &[u8],
) -> (Vec<u8>, bool) {
    let end = choices.one_of(&["\r\n", "\n"]);
    let framing = choices.below(3);
    match framing {
        0 => {}
        1 => {
            head.headers.push(("content-LENGTH".to_owned(), body.len().to_string()));
        }
        _ => head.headers.push(("Transfer-Encoding".to_owned(), "Chunked".to_owned())),
    }
    let mut bytes = format!("{}{end}", head.first).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend(format!("{name}:{value}{end}").bytes());
    }
    bytes.extend(end.bytes());
    if framing < 2 {
        bytes.extend(body);
        return (bytes, framing == 0);
    }
    let mut left = body;
    while !left.is_empty() {
        let (chunk, rest) = left.split_at(1 + choices.below(left.len()));
        let extension = choices.one_of(&["", ";a=b", " "]);
        bytes.extend(format!("{:X}{extension}{end}", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(end.bytes());
        left = rest;
    }
    bytes.extend(format!("0{end}").bytes());
    bytes.extend(choices.one_of(&["", "A: b\n"]).bytes());
    bytes.extend(end.bytes());
    (bytes, false)
}

fn any_head(choices: &mut Choices<'_, '_>) -> Head {
    let status = 200 + choices.below(4); // 204 and 304 never have a body
    let first = format!("HTTP/1.{} {status} {}", choices.below(2), word(choices));
    let headers = choices.up_to(10, |choices| (word(choices), word(choices)));
    Head { first, headers }
}

#[test]
fn what_was_written_is_read() {
    check(|choices| {
        let mut head = any_head(choices);
        let body = choices.up_to(60, |choices| choices.below(256) as u8);
        let (mut bytes, until_close) = write(choices, &mut head, &body);
        let shown = bytes.escape_ascii().to_string();
        let rest: &[u8] = if until_close { b"" } else { b"HTTP/1.1 the next one" };
        bytes.extend(rest);
        let message = read_both(choices, &bytes)?;
        same(&message, &Ok((head, body, rest.to_vec())), shown)
    });
}

/// Wherever it breaks off, that is noticed, unless the end of the connection is the end
/// of the body anyway.
#[test]
fn what_breaks_off_is_never_taken_for_whole() {
    check(|choices| {
        let mut head = any_head(choices);
        let body = choices.up_to(60, |choices| choices.below(256) as u8);
        let (bytes, until_close) = write(choices, &mut head, &body);
        let part = &bytes[..choices.below(bytes.len())];
        match read_both(choices, part)? {
            Err((ErrorKind::UnexpectedEof, _)) => Ok(()),
            Ok((read, part, _)) if until_close && read == head => {
                same(&part, &body[..part.len()].to_vec(), "a part of the body")
            }
            other => Err(format!("{}: {other:?}", part.escape_ascii())),
        }
    });
}

/// A server that sends the same for ever.
struct Endless<'a> {
    words: Vec<&'a [u8]>,
    place: usize,
    sent: &'a Cell<usize>,
}

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let word = self.words[self.place.min(self.words.len() - 1)];
        self.place += 1;
        let count = word.len().min(buffer.len());
        buffer[..count].copy_from_slice(&word[..count]);
        self.sent.set(self.sent.get() + count);
        Ok(count)
    }
}

#[test]
fn a_head_without_an_end_is_refused_soon() {
    let last: [&[u8]; 5] = [
        &[b'x'; 1000],
        &b"A: b\r\n".repeat(20),
        &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(5),
        &[b'\xff'; 900],
        &b"A: ".repeat(300),
    ];
    for last in last {
        for first in [last, b"HTTP/1.1 200 OK\r\n"] {
            let sent = Cell::new(0);
            let endless = Endless { words: vec![first, last], place: 0, sent: &sent };
            let mut reader = BufReader::with_capacity(64, endless);
            let error = read_response(&mut reader).map(drop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData, "{}", last.escape_ascii());
            assert!(sent.get() <= MAX_HEAD + 1024, "{} bytes", sent.get());
        }
    }
}

#[test]
fn a_url_says_what_it_is_made_of() {
    check(|choices| {
        let host = choices.one_of(&["h", "example.org", "127.0.0.1", "[::1]"]);
        let port = choices.one_of(&["", ":0", ":80", ":9016", ":65535"]);
        let path = choices.one_of(&["", "/", "/a/b", "?q", "/a?b=c:d", "/@//:"]);
        let part = choices.one_of(&["", "#", "#/part?"]);
        let scheme = choices.one_of(&["http", "HTTP", "hTTp"]);
        let text = format!("{scheme}://{host}{port}{path}{part}");
        let slash = if path.starts_with('/') { "" } else { "/" };
        let expected = Url {
            addr: format!("{host}{}", if port.is_empty() { ":80" } else { port }),
            host: format!("{host}{port}"),
            path: format!("{slash}{path}"),
        };
        same(&Url::parse(&text), &Ok(expected), text)
    });
}

/// What may be asked for is one line: nobody can put a header into it.
#[test]
fn any_text_is_a_url_or_is_answered_in_two_lines() {
    check(|choices| {
        let pieces = choices.up_to(12, |choices| {
            choices.one_of(&[
                "http", "s", "://", ":", "/", "h", "[", "]", "::1", "@", "80", "70000",
                "#", "?", " ", "\r\n", "\0", "\u{e9}", "%20",
            ])
        });
        let text = pieces.concat();
        match Url::parse(&text) {
            Ok(url) => {
                let all = format!("{}{}{}", url.addr, url.host, url.path);
                let graphic = all.chars().all(|letter| letter.is_ascii_graphic());
                let fine = graphic && url.path.starts_with('/') && !url.host.is_empty();
                same(&fine, &true, format!("{text:?}: {url:?}"))
            }
            Err(words) if text.contains(['\r', '\n']) && !words.is_empty() => Ok(()),
            Err(words) => same(&words.lines().count(), &2, format!("{text:?}: {words}")),
        }
    });
}

#[test]
fn nothing_that_is_shown_commands_the_screen() {
    check(|choices| -> Verdict {
        let bytes = choices.up_to(40, |choices| {
            choices.one_of(b"a \t\n\r\x07\x1b[2J\x7f\xc2\x9b\x00\xff\xe9")
        });
        let shown = printable(&bytes);
        let bad = shown
            .chars()
            .find(|letter| letter.is_control() && *letter != '\n' && *letter != '\t');
        same(&bad, &None, format!("{}", bytes.escape_ascii()))
    });
}
