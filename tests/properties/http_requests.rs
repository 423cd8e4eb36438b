//! HTTP, the other way: any request is read or rejected, and gets one response. Any text
//! is a URL or it isn't.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use crate::choices::{check, same};
use crate::http::code::Url;
use crate::http::code::body::Body;
use crate::http::code::head::Head;
use crate::http::code::pages;
use crate::http::code::request::{Request, read_first_line};
use crate::http::code::text::misplaced;
use crate::http::{Outcome, any_headers, any_words, cut, read_answer, told, write_head};

/// A request, or nothing.
fn read_request(mut reader: impl BufRead) -> Outcome<Option<Request>> {
    let Some(first) = read_first_line(&mut reader).map_err(told)? else {
        return Ok(None);
    };
    Request::read(&first, &mut reader).map(Some).map_err(told)
}

#[test]
fn any_request_is_the_same_in_any_pieces() {
    check(|choices| {
        let words = any_words(choices);
        for start in ["", "GET / HTTP/1.1\r\n", "PUT / HTTP/1.1\r\nHost: h\r\n"] {
            let bytes = [start.as_bytes(), &words].concat();
            let whole = read_request(&bytes[..]);
            let about = format!("in pieces: {}", bytes.escape_ascii());
            same(&read_request(cut(choices, &bytes)), &whole, about)?;
        }
        Ok(())
    });
}

#[test]
fn what_was_asked_is_read() {
    check(|choices| {
        let method = choices.one_of(&["GET", "HEAD", "POST", "BREW"]);
        let path = choices.one_of(&["/", "/a/b", "//", "/%20", "/a:b@c"]);
        let query = choices.one_of(&["", "?", "?a=b", "?a?/b"]);
        let host = choices.one_of(&["", "http://h", "HTTP://[::1]:80", "http://h:"]);
        let version = choices.one_of(&["HTTP/1.0", "HTTP/1.1", "HTTP/1.2"]);
        let first = format!("{method} {host}{path}{query} {version}");
        let mut head = Head { first, headers: any_headers(choices) };
        let end = choices.one_of(&["\r\n", "\n"]);
        let mut bytes = choices.one_of(&["", "\r\n", "\n\r\n"]).as_bytes().to_vec();
        bytes.extend(write_head(choices, &mut head, end));
        let hosts: Vec<usize> =
            choices.up_to(2, |choices| choices.below(head.headers.len() + 1));
        for at in &hosts {
            head.headers.insert(*at, ("hOst".to_owned(), "h:80".to_owned()));
        }
        let again = head.clone();
        let mut plain = format!("{}{end}", again.first);
        for (name, value) in &again.headers {
            plain += &format!("{name}: {value}{end}");
        }
        let request = read_request(format!("{plain}{end}").as_bytes());
        let is_fine = hosts.len() == 1 || hosts.is_empty() && version == "HTTP/1.0";
        let shown = plain.escape_debug().to_string();
        match request {
            Ok(Some(request)) => {
                same(&is_fine, &true, &shown)?;
                same(&request.method.as_str(), &method, &shown)?;
                same(&request.path.as_str(), &path, &shown)?;
                same(&request.is_1_1, &(version != "HTTP/1.0"), &shown)?;
                same(&request.head, &again, &shown)?;
                same(&request.body, &Body::Length(0), &shown)
            }
            other => same(&is_fine, &false, format!("{shown}: {other:?}")),
        }
    });
}

/// A client with a request in memory, which receives the response.
struct Client<'a>(&'a [u8], Vec<u8>);

impl Read for Client<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl BufRead for Client<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.0)
    }

    fn consume(&mut self, count: usize) {
        self.0.consume(count);
    }
}

impl Write for Client<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whatever the request is, our own client can read the response to its end. For `HEAD`,
/// nothing comes after the blank line.
#[test]
fn any_request_has_one_whole_answer() {
    check(|choices| {
        let words = any_words(choices);
        let start =
            choices.one_of(&["", "GET ", "GET / HTTP/1.1\r\nHost: h\r\n", "HEAD "]);
        let bytes = [start.as_bytes(), &words, b"\r\n\r\n"].concat();
        let mut client = Client(&bytes, Vec::new());
        let shown = bytes.escape_ascii().to_string();
        if let Err(error) = pages::answer(&mut client) {
            let is_end = error.kind() == ErrorKind::UnexpectedEof;
            return same(&is_end, &true, format!("{shown}: {error}"));
        }
        let answer = client.1;
        if answer.is_empty() {
            let blank = bytes.iter().all(|byte| b"\r\n".contains(byte));
            return same(&blank, &true, format!("no answer: {shown}"));
        }
        let about = format!("{shown}: {}", answer.escape_ascii());
        if bytes.trim_ascii_start().starts_with(b"HEAD ") {
            return same(&answer.ends_with(b"\r\n\r\n"), &true, about);
        }
        match read_answer(&answer[..]) {
            Ok((_, _, rest)) => same(&rest, &Vec::new(), about),
            Err(error) => Err(format!("{about}: {error:?}")),
        }
    });
}

#[test]
fn a_url_says_what_it_is_made_of() {
    check(|choices| {
        let host = choices.one_of(&["h", "example.org", "127.0.0.1", "[::1]"]);
        let port = choices.one_of(&["", ":1", ":80", ":9016", ":65535"]);
        let path = choices.one_of(&["", "/", "/a/b", "?q", "/a?b=c:d", "/@//:", "/%2f"]);
        let part = choices.one_of(&["", "#", "#/part?"]);
        let scheme = choices.one_of(&["http", "HTTP", "hTTp"]);
        let text = format!("{scheme}://{host}{port}{path}{part}");
        let slash = if path.starts_with('/') { "" } else { "/" };
        let expected = Url {
            addr: format!("{host}{}", if port.is_empty() { ":80" } else { port }),
            host: format!("{host}{port}"),
            target: format!("{slash}{path}"),
        };
        same(&Url::parse(&text), &Ok(expected), text)
    });
}

/// The target of a request is one line, so a URL can't smuggle a header into it. And our
/// own server reads it the same way.
#[test]
fn any_text_is_a_url_or_is_answered_in_two_lines() {
    check(|choices| {
        let pieces = choices.up_to(12, |choices| {
            choices.one_of(&[
                "http", "s", "://", ":", "/", "h", "[", "]", "::1", "@", "80", "70000",
                "#", "?", " ", "\r\n", "\0", "\u{e9}", "%20", "%", "<", "http://h",
            ])
        });
        let text = pieces.concat();
        match Url::parse(&text) {
            Ok(Url { addr, host, target }) => {
                let all = format!("{addr}{host}{target}");
                let fine = all.chars().all(|letter| letter.is_ascii_graphic())
                    && misplaced(&target, b"/:@?").is_none();
                same(&fine, &true, format!("{text:?}: {all:?}"))?;
                let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
                let path = target.split('?').next().unwrap_or_default().to_owned();
                let read = read_request(request.as_bytes());
                let read = read.map(|request| request.map(|request| request.path));
                same(&read, &Ok(Some(path)), request)
            }
            Err(words) => same(&words.lines().count(), &2, format!("{text:?}: {words}")),
        }
    });
}
