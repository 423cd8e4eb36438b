//! The body of a message, and its three ways to end.

use std::io::{self, BufRead, ErrorKind, Write};

use super::error::{bad, broken, rejected};
use super::head::{Head, MAX_HEAD, read_line};
use super::text::{number, shortened};

/// The longest line before a chunk, in bytes.
const MAX_LENGTH_LINE: usize = 1024;

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// After this many bytes: `Content-Length`.
    Length(u64),
    /// After a chunk of no bytes, where each chunk says how long it is:
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// When the server closes the connection.
    UntilClose,
}

impl Body {
    /// What the headers say about the body; `None` if they say nothing.
    ///
    /// # Errors
    ///
    /// They contradict each other, or ask for something that this code doesn't know.
    pub(crate) fn announced(head: &Head, version: &str) -> io::Result<Option<Self>> {
        if head.has("Transfer-Encoding") {
            chunked(head, version).map(|()| Some(Self::Chunked)) // it overrides a length
        } else if head.has("Content-Length") {
            length(head).map(|length| Some(Self::Length(length)))
        } else {
            Ok(None)
        }
    }
}

/// Checks that the body comes in chunks, without any other encoding.
fn chunked(head: &Head, version: &str) -> io::Result<()> {
    if version == "HTTP/1.0" {
        return Err(bad("HTTP/1.0 has no Transfer-Encoding"));
    }
    let codings = head.list("Transfer-Encoding");
    let is_chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    match codings[..] {
        [coding] if is_chunked(&coding) => Ok(()),
        [ref first @ .., last] if is_chunked(&last) && !first.iter().any(is_chunked) => {
            Err(rejected("501 Not Implemented", unknown(&codings)))
        }
        _ => Err(bad(unknown(&codings))),
    }
}

fn unknown(codings: &[&str]) -> String {
    format!("the body has an unknown encoding: {}", shortened(&codings.join(", ")))
}

/// The number in `Content-Length`, which can be there several times if it's the same.
fn length(head: &Head) -> io::Result<u64> {
    let lengths = head.list("Content-Length");
    let first = lengths.first().copied().unwrap_or_default();
    let Some(length) = number(first, 10) else {
        return Err(bad(format!(
            "the body's length isn't a number: {}",
            shortened(first)
        )));
    };
    if lengths.iter().any(|other| number(other, 10) != Some(length)) {
        return Err(bad("the body has two different lengths"));
    }
    Ok(length)
}

/// Reads a body and writes it to `out`. Returns the number of its bytes.
///
/// # Errors
///
/// It ends too early, isn't HTTP, or can't be read; and the errors of writing.
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

/// Reads a chunked body: a length in hexadecimal, that many bytes, and so on.
// [chunks]
fn read_chunks(reader: &mut impl BufRead, out: &mut impl Write) -> io::Result<u64> {
    let mut total = 0_u64;
    loop {
        let line = read_line(reader, MAX_LENGTH_LINE)?;
        let Some(length) = chunk_length(&line) else {
            return Err(bad(format!("this is not a length: {}", shortened(&line))));
        };
        if length == 0 {
            return skip_trailer(reader).map(|()| total);
        }
        total = total.saturating_add(read_exactly(reader, length, out)?);
        if !read_line(reader, MAX_LENGTH_LINE)?.is_empty() {
            return Err(bad("a piece is longer than it says"));
        }
    }
}

/// The length in a line such as `1f` or `1f ; name=value`.
fn chunk_length(line: &str) -> Option<u64> {
    match line.split_once(';') {
        Some((length, _)) => number(length.trim_end_matches([' ', '\t']), 16),
        None => number(line, 16),
    }
}
// [/chunks]

/// Reads the headers that can come after the last chunk, and the blank line. We ignore
/// these headers, because a length that comes after the body can't be right.
fn skip_trailer(reader: &mut impl BufRead) -> io::Result<()> {
    let mut left = MAX_HEAD;
    loop {
        let line = read_line(reader, left)?;
        if line.is_empty() {
            return Ok(());
        }
        left = left.saturating_sub(line.len() + 2);
    }
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

/// Reads up to `length` bytes, or up to the end of file.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_has_a_length_in_hexadecimal() {
        for (line, length) in [
            ("0", 0),
            ("1f", 31),
            ("00A", 10),
            ("5;a=b", 5),
            ("5 \t;a=\"b;c\"", 5),
            ("ffffffffffffffff", u64::MAX),
        ] {
            assert_eq!(chunk_length(line), Some(length), "{line}");
        }
        for line in
            ["", ";a", " 5", "5 ", "+5", "-5", "0x5", "5_0", "g", "10000000000000000"]
        {
            assert_eq!(chunk_length(line), None, "{line}");
        }
    }

    #[test]
    fn chunks_are_put_together_and_what_is_around_them_is_not_kept() -> io::Result<()> {
        let mut bytes = &b"5;a=b\r\nHello\r\n7\r\n, world\r\n0;last\r\n\
            Content-Length: 3\r\nA: b\r\n\r\nthe next"[..];
        let mut text = Vec::new();
        assert_eq!(read_body(&mut bytes, Body::Chunked, &mut text)?, 12);
        assert_eq!((&text[..], bytes), (&b"Hello, world"[..], &b"the next"[..]));
        Ok(())
    }
}
