//! The head of a message: a first line, headers, and a blank line.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, Read};

use super::error::{bad, broken, rejected};
use super::text::{is_token, printable, shortened, trimmed};

/// The longest first line, in bytes.
pub(crate) const MAX_FIRST_LINE: usize = 8 * 1024;

/// The most bytes of all headers together.
pub(crate) const MAX_HEAD: usize = 64 * 1024;

/// The most headers in a head.
pub(crate) const MAX_HEADERS: usize = 100;

/// The status of the response to a larger head.
const TOO_LARGE: &str = "431 Request Header Fields Too Large";

/// The head of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// `GET / HTTP/1.1` of a request, `HTTP/1.1 200 OK` of a response.
    pub(crate) first: String,
    /// Names and values, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    /// The values of all headers with this name, in upper or lower case.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let is_it = move |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        self.headers.iter().filter(is_it).map(|(_, value)| trimmed(value))
    }

    /// The members of a header that is a list, such as `a, b`. The list can be spread
    /// over several headers. Empty members don't count.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let members = self.values(name).flat_map(|value| value.split(','));
        members.map(trimmed).filter(|member| !member.is_empty()).collect()
    }

    /// Whether there is a header with this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }
}

impl fmt::Display for Head {
    /// The head with its blank line, safe for the screen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", printable(self.first.as_bytes()))?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", printable(value.as_bytes()))?;
        }
        writeln!(f)
    }
}

/// Looks at the next byte without taking it; `None` at end of file.
///
/// # Errors
///
/// It can't be read, or doesn't come in time.
pub(crate) fn peek(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    loop {
        match reader.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read.map(|bytes| bytes.first().copied()),
        }
    }
}

/// Reads the headers of a head, up to the blank line.
///
/// # Errors
///
/// There are too many, they are too long, aren't HTTP, end too early, or can't be read.
// [headers]
pub(crate) fn read_headers(
    reader: &mut impl BufRead,
) -> io::Result<Vec<(String, String)>> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut left = MAX_HEAD;
    loop {
        let line = read_line(reader, left)?;
        if line.is_empty() {
            return Ok(headers); // the blank line ends the head
        }
        left = left.saturating_sub(line.len() + 2);
        if headers.len() == MAX_HEADERS {
            let why = format!("the head has more than {MAX_HEADERS} headers");
            return Err(rejected(TOO_LARGE, why));
        }
        match (line.split_once(':'), headers.last_mut()) {
            // A line that begins with a space continues the header before it.
            (_, Some((_, value))) if line.starts_with([' ', '\t']) => {
                value.push(' ');
                value.push_str(trimmed(&line));
            }
            (Some((name, value)), _) if is_token(name) => {
                headers.push((name.to_owned(), trimmed(value).to_owned()));
            }
            _ => return Err(bad(format!("this is not a header: {}", shortened(&line)))),
        }
    }
}
// [/headers]

/// Reads a line of at most `most` bytes, and returns it without its end, which is
/// `\r\n`, or `\n` alone.
///
/// # Errors
///
/// It's too long, has a byte that isn't allowed in a head, ends too early, or can't be
/// read.
pub(crate) fn read_line(reader: &mut impl BufRead, most: usize) -> io::Result<String> {
    let mut line = Vec::new();
    reader.by_ref().take(most as u64).read_until(b'\n', &mut line)?;
    let Some(text) = line.strip_suffix(b"\n") else {
        return Err(match line.len() < most {
            true => broken("the connection ended in the middle of the head"),
            false => rejected(TOO_LARGE, "a line, or the head, is too long"),
        });
    };
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.contains(&b'\r') || text.contains(&b'\0') {
        return Err(bad("a line of the head has a `\\r` or a `\\0` in it"));
    }
    Ok(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(mut bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
        read_headers(&mut bytes).map_err(|error| error.to_string())
    }

    fn header(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn white_space_around_a_value_is_not_part_of_it() {
        for line in ["A:b c\r\n", "A: \t b c \t\r\n", "A: b c\n"] {
            let bytes = format!("{line}\r\n");
            assert_eq!(headers(bytes.as_bytes()), Ok(header("A", "b c")), "{line}");
        }
        assert_eq!(headers(b"A:\r\n\r\n"), Ok(header("A", "")));
        assert_eq!(headers(b"A: \xa0\xff\r\n\n"), Ok(header("A", "\u{fffd}\u{fffd}")));
    }

    #[test]
    fn a_folded_header_is_one_header() {
        assert_eq!(headers(b"A: one\r\n two\r\n\t three \r\n\r\n"), {
            Ok(header("A", "one two three"))
        });
        assert!(headers(b" A: one\r\n\r\n").is_err_and(|e| e.contains("not a header")));
    }

    #[test]
    fn a_list_can_have_many_lines_and_empty_members() {
        let all =
            [header("a", ",one , ,"), header("b", "no"), header("A", "two, three")];
        let head = Head { first: String::new(), headers: all.concat() };
        assert_eq!(head.list("A"), ["one", "two", "three"]);
        assert_eq!((head.has("B"), head.has("c")), (true, false));
    }

    #[test]
    fn what_is_not_a_header_is_rejected() {
        for line in ["no colon", ": x", "a b: x", "a : x", "a\u{e9}: x"] {
            let bytes = format!("{line}\r\n\r\n");
            let error = headers(bytes.as_bytes()).expect_err(line);
            assert!(error.contains("not a header"), "{line}: {error}");
        }
        for bytes in [&b"A: b\rc\r\n\r\n"[..], b"A: b\r\r\n\r\n", b"A: \0\r\n\r\n"] {
            let error = headers(bytes).expect_err("a header");
            assert!(error.contains("in it"), "{}: {error}", bytes.escape_ascii());
        }
        let many = format!("{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert!(headers(many.as_bytes()).is_err_and(|e| e.contains("more than 100")));
        let long = format!("A: {}\r\n\r\n", "b".repeat(MAX_HEAD));
        assert!(headers(long.as_bytes()).is_err_and(|e| e.contains("too long")));
        assert!(headers(b"A: b\r\n").is_err_and(|e| e.contains("ended in the middle")));
    }
}
