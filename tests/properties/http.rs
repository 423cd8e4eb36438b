//! HTTP: however a message is split into reads, and whatever its bytes are, the result is
//! the same message or the same error. And no message, however long, is kept in memory.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use crate::choices::{Choices, Verdict, check, same};

#[path = "../../examples/http/mod.rs"]
#[allow(dead_code, unused_imports, reason = "its programs use the rest")]
pub(crate) mod code;

use code::Response;
use code::body::{Body, read_body};
use code::error::Rejection;
use code::head::{Head, MAX_FIRST_LINE, MAX_HEAD};
use code::request::{Request, read_first_line};
use code::text::printable;

/// What is read, or the error.
pub(crate) type Outcome<T> = Result<T, (ErrorKind, String)>;

/// A response: its head, its body and what is left.
pub(crate) type Message = Outcome<(Head, Vec<u8>, Vec<u8>)>;

pub(crate) fn told(error: io::Error) -> (ErrorKind, String) {
    (error.kind(), error.to_string())
}

pub(crate) fn read_answer(mut reader: impl BufRead) -> Message {
    let mut read = || {
        let response = Response::read(&mut reader)?;
        let mut body = Vec::new();
        let count = read_body(&mut reader, response.body, &mut body)?;
        assert_eq!(count, body.len() as u64);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest)?;
        Ok((response.head, body, rest))
    };
    read().map_err(told)
}

fn read_chunks(mut reader: impl BufRead) -> Outcome<Vec<u8>> {
    let mut body = Vec::new();
    read_body(&mut reader, Body::Chunked, &mut body).map_err(told)?;
    Ok(body)
}

/// Returns its bytes in reads of these sizes, and then one by one.
pub(crate) struct Pieces<'a> {
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

/// The bytes in pieces.
pub(crate) fn cut<'a>(
    choices: &mut Choices<'_, '_>,
    bytes: &'a [u8],
) -> BufReader<Pieces<'a>> {
    let sizes = choices.up_to(50, |choices| choices.below(8));
    let capacity = choices.one_of(&[1, 2, 7, 64, 8192]);
    BufReader::with_capacity(capacity, Pieces { bytes, sizes })
}

/// Reads a response in one piece and in many, which mustn't make a difference.
fn read_both(choices: &mut Choices<'_, '_>, bytes: &[u8]) -> Result<Message, String> {
    let whole = read_answer(bytes);
    let in_pieces = read_answer(cut(choices, bytes));
    same(&in_pieces, &whole, format!("in pieces: {}", bytes.escape_ascii()))?;
    Ok(whole)
}

/// What messages are made of, and what looks like it.
const WORDS: [&[u8]; 33] = [
    b"HTTP/1.1 200 OK\r\n",
    b"GET / HTTP/1.1\r\n",
    b"Host: h\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: ",
    b"Expect: 100-continue\r\n",
    b"A: b\r\n",
    b": ",
    b":",
    b"0",
    b"4",
    b"ffffffffffffffff",
    b"99999999999999999999",
    b"+",
    b"0x",
    b";",
    b",",
    b"/",
    b"?",
    b"#",
    b"http://h",
    b"OPTIONS * HTTP/1.1\r\n",
    b"HTTP/1.0",
    b"abcd",
    b"\xff\x00",
    b"\xc2\xa0",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b" ",
    b"\t",
];

pub(crate) fn any_words(choices: &mut Choices<'_, '_>) -> Vec<u8> {
    choices.up_to(24, |choices| choices.one_of(&WORDS)).concat()
}

#[test]
fn any_bytes_are_the_same_in_any_pieces() {
    check(|choices| {
        let words = any_words(choices);
        read_both(choices, &words).map(drop)?;
        let answer = [b"HTTP/1.1 200 OK\r\n", &words[..]].concat();
        read_both(choices, &answer).map(drop)
    });
}

#[test]
fn any_chunks_are_the_same_in_any_pieces() {
    check(|choices| {
        let words = any_words(choices);
        let whole = read_chunks(&words[..]);
        let about = format!("in pieces: {}", words.escape_ascii());
        same(&read_chunks(cut(choices, &words)), &whole, about)
    });
}

/// A name or a value of a header.
fn word(choices: &mut Choices<'_, '_>) -> String {
    let letters = choices.up_to(12, |choices| choices.one_of(b"abcXYZ019-_"));
    format!("x{}", String::from_utf8(letters).unwrap())
}

/// The lines of a head, each written in one of the possible ways. Some values become
/// longer, because they are written on two lines and read as one.
pub(crate) fn write_head(
    choices: &mut Choices<'_, '_>,
    head: &mut Head,
    end: &str,
) -> Vec<u8> {
    let mut bytes = format!("{}{end}", head.first).into_bytes();
    for (name, value) in &mut head.headers {
        let space = choices.one_of(&["", " ", "\t \t"]);
        bytes.extend(format!("{name}:{space}{value}{space}").bytes());
        if choices.below(8) == 7 {
            bytes.extend(
                format!("{end}{}folded", choices.one_of(&[" ", "\t  "])).bytes(),
            );
            *value = format!("{value} folded");
        }
        bytes.extend(end.bytes());
    }
    bytes.extend(end.bytes());
    bytes
}

/// Writes a body in chunks.
fn write_chunks(choices: &mut Choices<'_, '_>, body: &[u8], end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut left = body;
    while !left.is_empty() {
        let (chunk, rest) = left.split_at(1 + choices.below(left.len()));
        let extension = choices.one_of(&["", ";a=b", " ;a", "\t; a = \"b\""]);
        let zeros = choices.one_of(&["", "0", "00000000000000000000"]);
        bytes.extend(format!("{zeros}{:X}{extension}{end}", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(end.bytes());
        left = rest;
    }
    bytes.extend(format!("0{end}").bytes());
    bytes.extend(choices.one_of(&["", "A: b\n", "Content-Length: 1\r\n"]).bytes());
    bytes.extend(end.bytes());
    bytes
}

/// Writes a response in one of the possible ways. Returns its bytes, and whether only the
/// end of the connection ends it.
fn write(
    choices: &mut Choices<'_, '_>,
    head: &mut Head,
    body: &[u8],
) -> (Vec<u8>, bool) {
    let end = choices.one_of(&["\r\n", "\n"]);
    let is_1_0 = head.first.starts_with("HTTP/1.0");
    let framing = choices.below(if is_1_0 { 2 } else { 3 });
    let framed = head.headers.len();
    match framing {
        0 => {}
        1 => {
            head.headers.push(("content-LENGTH".to_owned(), body.len().to_string()));
        }
        _ => head.headers.push(("Transfer-Encoding".to_owned(), "Chunked".to_owned())),
    }
    let framing_line = head.headers.split_off(framed);
    let mut bytes = write_head(choices, head, end);
    bytes.truncate(bytes.len() - end.len());
    for (name, value) in &framing_line {
        bytes.extend(format!("{name}:{value}{end}").bytes());
    }
    bytes.extend(end.bytes());
    head.headers.extend(framing_line);
    match framing {
        2 => bytes.extend(write_chunks(choices, body, end)),
        _ => bytes.extend(body),
    }
    (bytes, framing == 0)
}

pub(crate) fn any_headers(choices: &mut Choices<'_, '_>) -> Vec<(String, String)> {
    choices.up_to(10, |choices| (word(choices), word(choices)))
}

fn any_head(choices: &mut Choices<'_, '_>) -> Head {
    let status = 200 + choices.below(4); // 204 and 304 never have a body
    let first = format!("HTTP/1.{} {status} {}", choices.below(2), word(choices));
    Head { first, headers: any_headers(choices) }
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

/// The reader notices a response that breaks off anywhere, unless the end of the
/// connection is the end of the body anyway.
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

/// A server, or a client, that sends the same forever.
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
fn a_head_without_an_end_is_rejected_soon() {
    let last: [&[u8]; 8] = [
        &[b'x'; 1000],
        &b"A: b\r\n".repeat(20),
        &b"HTTP/1.1 100 Continue\r\n\r\n".repeat(5),
        &[b'\xff'; 900],
        &b"A: ".repeat(300),
        &b"\r\n".repeat(500),
        &b" folded\r\n".repeat(100),
        &b"\n".repeat(999),
    ];
    for last in last {
        let lines =
            [last, b"HTTP/1.1 200 OK\r\nA: b\r\n", b"GET / HTTP/1.1\r\nA: b\r\n"];
        for first in lines {
            let sent = Cell::new(0);
            let words = vec![first, last];
            let endless = Endless { words: words.clone(), place: 0, sent: &sent };
            let mut reader = BufReader::with_capacity(64, endless);
            let whole = first != last && last.contains(&b'\n') && last[0] < b' ';
            match Response::read(&mut reader).map(drop) {
                Ok(()) => assert!(whole && first.starts_with(b"HTTP")),
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidData),
            }
            let most = MAX_HEAD + MAX_FIRST_LINE + 1024;
            assert!(sent.get() <= most, "{} bytes", sent.get());

            sent.set(0);
            let endless = Endless { words, place: 0, sent: &sent };
            let mut reader = BufReader::with_capacity(64, endless);
            let first = read_first_line(&mut reader).unwrap().unwrap();
            let error = Request::read(&first, &mut reader).map(drop).unwrap_err();
            assert!(Rejection::within(&error).is_some(), "{error}");
            assert!(sent.get() <= most, "{} bytes", sent.get());
        }
    }
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
