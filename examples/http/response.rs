//! A response, as a client reads it.

use std::io::{self, BufRead};

use super::body::Body;
use super::error::{bad, broken};
use super::head::{Head, MAX_FIRST_LINE, peek, read_headers, read_line};
use super::text::{number, shortened};

/// How many responses that only say "wait" a client reads.
const MAX_INTERIM: usize = 10;

/// The head of a response, and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// The first line and the headers.
    pub(crate) head: Head,
    /// The number in the first line: 200, 404.
    pub(crate) status: u16,
    /// How the body ends.
    pub(crate) body: Body,
}

impl Response {
    /// Reads the head of the response to a `GET`. Skips heads that only say "wait"
    /// (status 1xx).
    ///
    /// # Errors
    ///
    /// There is none, it's too long, isn't HTTP, ends too early, or can't be read.
    pub(crate) fn read(reader: &mut impl BufRead) -> io::Result<Self> {
        for _ in 0..MAX_INTERIM {
            if peek(reader)?.is_none() {
                return Err(broken("the connection ended without a response"));
            }
            let first = read_line(reader, MAX_FIRST_LINE)?;
            let (version, status) = status_line(&first)?;
            let headers = read_headers(reader)?;
            let head = Head { first: first.clone(), headers };
            match status {
                101 => return Err(bad("the server changes to another protocol")),
                100..200 => {}
                _ => {
                    let body = body(&head, version, status)?;
                    return Ok(Self { head, status, body });
                }
            }
        }
        Err(bad(format!("{MAX_INTERIM} responses that only say: wait")))
    }
}

/// Version and status of a first line such as `HTTP/1.1 200 OK`.
fn status_line(line: &str) -> io::Result<(&str, u16)> {
    let mut words = line.splitn(3, ' ');
    let (version, status) = (words.next(), words.next());
    let minor = version.and_then(|version| version.strip_prefix("HTTP/1."));
    let one_digit = minor.is_some_and(|minor| minor.len() == 1 && is_number(minor));
    let status = status.filter(|word| word.len() == 3).and_then(|word| number(word, 10));
    match (version, status) {
        (Some(version), Some(status @ 100..)) if one_digit => {
            Ok((version, status as u16))
        }
        _ => {
            let line = shortened(line);
            Err(bad(format!("this is not a response in HTTP/1.1: {line}")))
        }
    }
}

fn is_number(text: &str) -> bool {
    number(text, 10).is_some()
}

/// How a response's body ends.
fn body(head: &Head, version: &str, status: u16) -> io::Result<Body> {
    match status {
        204 | 304 => Ok(Body::Length(0)), // these two never have one
        _ => Ok(Body::announced(head, version)?.unwrap_or(Body::UntilClose)),
    }
}
