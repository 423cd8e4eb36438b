//! What RFC 9110 and RFC 9112 demand of a server that answers `GET` and `HEAD`, compared
//! with lesson 16's server and its Python version. Each line has the section of a MUST,
//! what a server MUST do, and the test that checks it.
//!
//! - 9110 2.3: not assume that one client sends all requests of a connection:
//!   `one_answer_for_each_connection`
//! - 9110 4.2.1, 4.2.4: reject a target with an empty host; treat a password as an error:
//!   `a_whole_url_is_a_target`
//! - 9110 5.3: not act before the head is whole:
//!   `nothing_is_done_before_the_blank_line`
//! - 9110 5.4: answer 4xx to headers that are too large:
//!   `what_is_too_large_has_its_own_status`
//! - 9110 5.5: leave out white space around a value; reject or replace CR, LF and NUL
//!   in it: `a_header_is_a_name_a_colon_and_a_value`
//! - 9110 5.6.1: accept empty members of a list: `a_body_has_one_length`
//! - 9110 5.6.7, 6.6.1: send a `Date`, in one certain form:
//!   `each_answer_says_when_and_that_it_is_the_last`
//! - 9110 6.2: not send a version that it does not support:
//!   `each_answer_says_when_and_that_it_is_the_last`
//! - 9110 7.1: accept `*` and `host:port` for their own methods only:
//!   `a_target_has_the_form_of_its_method`
//! - 9110 7.4: reject `https://` on a connection that is not encrypted:
//!   `a_whole_url_is_a_target`
//! - 9110 7.8: not change the protocol unasked; ignore `Upgrade` of HTTP/1.0:
//!   `an_upgrade_is_not_taken`
//! - 9110 8.6: send no other length with `HEAD` than with `GET`; none with 1xx, 204:
//!   `head_is_get_without_the_body`
//! - 9110 8.6: expect lengths of any size: `a_body_has_one_length`
//! - 9110 9.1: support `GET` and `HEAD`: `head_is_get_without_the_body`
//! - 9110 9.3.2: not send content with `HEAD`: `head_is_get_without_the_body`
//! - 9110 9.3.6: reject `CONNECT` without a port: `a_target_has_the_form_of_its_method`
//! - 9110 10.1.1: ignore `Expect` of HTTP/1.0; answer 100 or a final status at once:
//!   `an_expectation_is_answered_at_once`
//! - 9110 13.1, 13.2: look at `If-Match`, `If-None-Match` when it has the page, and
//!   ignore the others: `a_condition_is_looked_at`
//! - 9110 14.2: ignore a `Range` that it does not understand: `a_range_is_ignored`
//! - 9110 15.2: not send 1xx to HTTP/1.0: `an_expectation_is_answered_at_once`
//! - 9110 15.5.6: send `Allow` with 405: `a_method_is_answered_forbidden_or_unknown`
//! - 9112 2.2: read bytes, not letters; reject or replace a bare CR:
//!   `a_header_is_a_name_a_colon_and_a_value`
//! - 9112 2.2: reject or skip white space after the first line:
//!   `a_header_is_a_name_a_colon_and_a_value`
//! - 9112 3: answer 414 to a target that is too long:
//!   `what_is_too_large_has_its_own_status`
//! - 9112 3.2: answer 400 without `Host`, with two, and with a bad one:
//!   `there_is_one_host`
//! - 9112 3.2.2: accept a whole URL, and prefer it to `Host`:
//!   `a_whole_url_is_a_target`
//! - 9112 4: send the space after the status:
//!   `each_answer_says_when_and_that_it_is_the_last`
//! - 9112 5.1: answer 400 to white space before a colon:
//!   `a_header_is_a_name_a_colon_and_a_value`
//! - 9112 5.2: reject or unfold a folded header; send none:
//!   `a_header_is_a_name_a_colon_and_a_value`
//! - 9112 6.1, 7: understand chunks; answer 501 to an unknown coding, and 400 to one after
//!   the chunks: `a_body_has_one_length`
//! - 9112 6.1: send chunks to HTTP/1.1 only, and never with 1xx or 204:
//!   `http_1_0_gets_no_chunks`
//! - 9112 6.1: not trust chunks in HTTP/1.0; close after chunks with a length:
//!   `a_body_has_one_length`
//! - 9112 6.2: not send a length with chunks: `head_is_get_without_the_body`
//! - 9112 6.3: answer 400 to a bad length, or to two: `a_body_has_one_length`
//! - 9112 9.3: send `close`, and close; read a body or close:
//!   `one_answer_for_each_connection`, `an_unwanted_body_is_read_to_its_end`
//! - 9112 9.6: answer nothing that comes after `close`:
//!   `one_answer_for_each_connection`
//!
//! Left out on purpose: connections that stay open (each answer says `close`), `POST`
//! and the other methods (405, or 501 for an unknown one), a body of more than
//! a million bytes with `GET` (413), expectations other than 100-continue (417), other
//! versions (505), other protocols (no 101, and no 426: nothing needs one), ranges,
//! tags, content codings, cookies, authentication, encryption, and what proxies,
//! gateways and caches do. What MUST be done about one of those is not in the list.

use std::collections::BTreeMap;

use super::*;

/// A whole response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    /// What came after the blank line.
    pub(super) content: Vec<u8>,
}

impl Answer {
    /// Reads a response as strictly as possible.
    fn of(bytes: &[u8]) -> Result<Self, String> {
        let shown = bytes[..bytes.len().min(400)].escape_ascii().to_string();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(format!("no whole head: {shown}"))?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|e| e.to_string())?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        let status =
            first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
        let status = status.ok_or(format!("not a first line: {first}"))?.0;
        let status = status.parse().map_err(|_| format!("no status: {first}"))?;
        let mut headers = BTreeMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").ok_or(format!("odd: {line}"))?;
            let is_new = headers.insert(name.to_lowercase(), value.to_owned()).is_none();
            if !is_new || line.contains(['\r', '\n']) {
                return Err(format!("sent twice, or odd: {line}"));
            }
        }
        Ok(Self { status, headers, content: bytes[end + 4..].to_vec() })
    }
}

/// What a server sends to these bytes until it closes.
fn everything(addr: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    let stream = connect(addr)?;
    let mut answer = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| (&stream).write_all(request)); // might be rejected half-way
        (&stream).read_to_end(&mut answer)
    })?;
    Ok(answer)
}

/// The response to these bytes.
pub(super) fn asked(
    addr: SocketAddr,
    request: impl AsRef<[u8]>,
) -> Result<Answer, String> {
    let request = request.as_ref();
    let shown = request[..request.len().min(200)].escape_ascii().to_string();
    let answer =
        everything(addr, request).map_err(|error| format!("{shown}: {error}"))?;
    Answer::of(&answer).map_err(|error| format!("{shown}: {error}"))
}

/// Checks that each request gets its status.
pub(super) fn statuses(
    addr: SocketAddr,
    requests: &[(&str, u16)],
) -> Result<(), String> {
    for (request, status) in requests {
        let answer = asked(addr, request)?;
        let content = String::from_utf8_lossy(&answer.content);
        if answer.status != *status {
            let beginning: String = request.chars().take(200).collect();
            return Err(format!("{beginning:?}: {}, {content}", answer.status));
        }
    }
    Ok(())
}

/// Runs `test` with both servers, and checks that neither of them complains.
pub(super) fn each_server(test: impl Fn(SocketAddr) -> Outcome + Sync) -> Outcome {
    let rust = || {
        let mut command = Command::new(example("16_http_get"));
        tested("Rust", command.args(["serve", "--addr", "127.0.0.1:0"]), &test)
    };
    let python = || {
        let Some(python) = python() else { return Ok(()) };
        let script = "lessons/python/16_http_get.py";
        let mut command = Command::new(python);
        let command = command.args([script, "serve", "--addr", "127.0.0.1:0"]);
        tested("Python", command, &test)
    };
    let results = thread::scope(|scope| {
        let python = scope.spawn(python);
        [rust(), python.join().unwrap_or(Err("the test panicked".to_owned()))]
    });
    for result in results {
        result?;
    }
    Ok(())
}

fn tested(
    name: &str,
    server: &mut Command,
    test: &(impl Fn(SocketAddr) -> Outcome + Sync),
) -> Result<(), String> {
    let (mut server, addr) = Program::server(server)?;
    test(addr).map_err(|error| format!("{name}: {error}"))?;
    server.interrupt()?;
    let printed = server.rest(Instant::now() + DEADLINE)?;
    let is_fine = |line: &String| {
        line.is_empty()
            || line.starts_with("in another terminal")
            || line.ends_with(" connected")
            || line.ends_with(" left")
            || line.ends_with(" left: Disconnected")
            || line.ends_with(" left: TimedOut")
    };
    match printed.iter().find(|line| !is_fine(line)) {
        None => Ok(()),
        Some(line) => Err(format!("{name} complains: {line}")),
    }
}

#[test]
fn http_1_0_gets_no_chunks() -> Outcome {
    each_server(|addr| {
        for method in ["GET", "HEAD"] {
            let answer = asked(addr, format!("{method} /chunked HTTP/1.0\r\n\r\n"))?;
            assert_eq!(answer.headers.get("transfer-encoding"), None);
            assert_eq!(answer.headers.get("content-length"), None);
            let content: &[u8] =
                if method == "GET" { b"one, two, three\n" } else { b"" };
            assert_eq!(answer.content, content);
        }
        // A later version than ours gets the same response.
        for version in ["HTTP/1.1", "HTTP/1.2", "HTTP/1.9"] {
            let request = format!("GET /chunked {version}\r\nHost: h\r\n\r\n");
            let answer = asked(addr, request)?;
            assert_eq!(answer.headers["transfer-encoding"], "chunked");
            assert!(answer.content.starts_with(b"5\r\none, \r\n"), "{answer:?}");
            assert!(answer.content.ends_with(b"\r\n0\r\n\r\n"), "{answer:?}");
        }
        Ok(())
    })
}

#[test]
fn head_is_get_without_the_body() -> Outcome {
    each_server(|addr| {
        for (rest, status) in [
            ("/ HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            ("/ HTTP/1.0\r\n\r\n", 200),
            ("/chunked HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            ("/until-close HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            ("/bytes/0 HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            ("/bytes/12345 HTTP/1.1\r\nHost: h\r\n\r\n", 200),
            ("/no-such-page HTTP/1.1\r\nHost: h\r\n\r\n", 404),
            ("/bytes/10000000001 HTTP/1.1\r\nHost: h\r\n\r\n", 404),
            ("/bytes/+5 HTTP/1.1\r\nHost: h\r\n\r\n", 404),
            ("/bytes/ HTTP/1.1\r\nHost: h\r\n\r\n", 404),
            ("/ HTTP/1.1\r\n\r\n", 400),
            ("/ HTTP/2.0\r\n\r\n", 505),
            ("/ x HTTP/1.1\r\n\r\n", 400),
            (&format!("/{}", "x".repeat(10_000)), 414),
        ] {
            let get = asked(addr, format!("GET {rest}"))?;
            let head = asked(addr, format!("HEAD {rest}"))?;
            let but_date = |answer: &Answer| {
                let mut headers = answer.headers.clone();
                headers.remove("date");
                (answer.status, headers)
            };
            assert_eq!(but_date(&get), but_date(&head), "{rest:.40}");
            assert_eq!((get.status, head.content.len()), (status, 0), "{rest:.40}");
            if let Some(length) = get.headers.get("content-length") {
                assert_eq!(length.parse(), Ok(get.content.len()), "{rest:.40}");
                assert_eq!(get.headers.get("transfer-encoding"), None);
            }
        }
        let answer = asked(addr, "HEAD /bytes/10000000000 HTTP/1.0\r\n\r\n")?;
        assert_eq!(answer.headers["content-length"], "10000000000");
        Ok(())
    })
}

#[test]
fn nothing_is_done_before_the_blank_line() -> Outcome {
    each_server(|addr| {
        let mut stream = connect(addr)?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n")?;
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let error =
            read_once(&mut stream, &mut [0]).expect_err("an answer to half a request");
        assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()));
        stream.write_all(b"Host: h\r\n\r\n")?; // the second one is complete now
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        assert_eq!(Answer::of(&answer)?.status, 400);
        Ok(())
    })
}

#[test]
fn each_answer_says_when_and_that_it_is_the_last() -> Outcome {
    each_server(|addr| {
        for request in [
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
            "GET /chunked HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
            "HEAD /until-close HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET /no-such-page HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n",
            "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n",
            "\x16\x03\x01\x02\x00\x01\r\n\r\n", // https, on the wrong port
            "GET / HTTP/3.0\r\n\r\n",
        ] {
            let Answer { headers, .. } = asked(addr, request)?;
            assert_eq!(headers["connection"], "close", "{request:?}");
            let date = &headers["date"]; // Sun, 06 Nov 1994 08:49:37 GMT
            let form: String = date
                .chars()
                .map(|letter| match letter {
                    'A'..='Z' => 'A',
                    'a'..='z' => 'a',
                    '0'..='9' => '0',
                    other => other,
                })
                .collect();
            assert_eq!(form, "Aaa, 00 Aaa 0000 00:00:00 AAA", "{request:?}: {date}");
        }
        Ok(())
    })
}

#[test]
fn one_answer_for_each_connection() -> Outcome {
    each_server(|addr| {
        let one = "GET /bytes/3 HTTP/1.1\r\nHost: h\r\n";
        for request in [
            format!("{one}\r\n{one}\r\n{one}\r\n"),
            format!("{one}Connection: close\r\n\r\n{one}\r\n"),
            format!("{one}Content-Length: 1\r\n\r\nx{one}\r\n"),
        ] {
            assert_eq!(asked(addr, &request)?.content, b"xxx", "{request}");
        }
        Ok(())
    })
}

/// The server answers before the client sends the second of its ten pieces.
#[test]
fn an_unwanted_body_is_read_to_its_end() -> Outcome {
    each_server(|addr| {
        for (first, status) in [("POST / HTTP/1.1", 405), ("GET / HTTP/1.1", 200)] {
            for (header, piece, end) in [
                ("Content-Length: 10000", "x".repeat(1000), ""),
                (
                    "Transfer-Encoding: chunked",
                    format!("3e8\r\n{}\r\n", "x".repeat(1000)),
                    "0\r\n\r\n",
                ),
            ] {
                let mut stream = connect(addr)?;
                write!(stream, "{first}\r\nHost: h\r\n{header}\r\n\r\n{piece}")?;
                let mut answer = vec![0; 12];
                stream.read_exact(&mut answer)?; // the response has begun
                for _ in 1..10 {
                    thread::sleep(Duration::from_millis(20)); // a slow client
                    stream
                        .write_all(piece.as_bytes())
                        .map_err(|error| format!("{first}, {header}: {error}"))?;
                }
                stream.write_all(end.as_bytes())?;
                stream.read_to_end(&mut answer)?;
                assert_eq!(Answer::of(&answer)?.status, status, "{first}, {header}");
            }
        }
        Ok(())
    })
}

#[test]
fn an_expectation_is_answered_at_once() -> Outcome {
    each_server(|addr| {
        for (request, status) in [
            ("PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n", 405),
            ("GET / HTTP/1.1\r\nHost: h\r\nexpect: 100-Continue\r\n", 200),
            ("GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n", 417),
            ("PUT / HTTP/1.0\r\nExpect: 100-continue\r\n", 405),
            ("GET / HTTP/1.0\r\nExpect: tea\r\n", 200),
        ] {
            let mut stream = connect(addr)?;
            write!(stream, "{request}Content-Length: 5\r\n\r\n")?;
            // The client sends no body. A server that waited for it would be late.
            stream.set_read_timeout(Some(Duration::from_secs(3)))?;
            let mut answer = vec![0; 12];
            stream.read_exact(&mut answer)?;
            let expected = format!("HTTP/1.1 {status}");
            assert_eq!(String::from_utf8_lossy(&answer), expected, "{request:?}");
        }
        Ok(())
    })
}

#[test]
fn an_upgrade_is_not_taken() -> Outcome {
    each_server(|addr| {
        for version in ["HTTP/1.0", "HTTP/1.1"] {
            for protocol in ["websocket", "h2c", "TLS/1.3"] {
                let answer = asked(
                    addr,
                    format!(
                        "GET / {version}\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\
                         \r\nUpgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIA\
                         \r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
                    ),
                )?;
                assert_eq!(answer.status, 200, "{protocol}");
                assert_eq!(answer.headers.get("upgrade"), None, "{protocol}");
            }
        }
        Ok(())
    })
}

/// Our pages have no tags and no dates. A page exists, or it doesn't.
#[test]
fn a_condition_is_looked_at() -> Outcome {
    each_server(|addr| {
        for (header, path, status) in [
            ("If-None-Match: *", "/", 304),
            ("If-None-Match: *", "/chunked", 304),
            ("If-None-Match: *", "/no-such-page", 404),
            ("If-None-Match: \"a, *, b\"", "/", 200),
            ("If-Match: *", "/", 200),
            ("If-Match: \"a\", W/\"b\"", "/", 412),
            ("If-Match: \"a\"\r\nIf-None-Match: *", "/", 412),
            ("If-Match: \"a\"", "/no-such-page", 404),
            ("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "/", 200),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", "/", 200),
        ] {
            for method in ["GET", "HEAD"] {
                let request = format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{header}");
                let answer = asked(addr, format!("{request}\r\n\r\n"))?;
                assert_eq!(answer.status, status, "{request}");
                if status == 304 {
                    assert_eq!(answer.content, b"", "{request}");
                    assert_eq!(answer.headers.get("content-length"), None, "{request}");
                }
            }
        }
        statuses(
            addr,
            &[("PUT / HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\n\r\n", 405)],
        )?;
        Ok(())
    })
}

#[test]
fn a_range_is_ignored() -> Outcome {
    each_server(|addr| {
        for range in ["bytes=0-3", "lines=0-3", "bytes=1-2,4-5", "bytes=-0", "x"] {
            let request =
                format!("GET /bytes/100 HTTP/1.1\r\nHost: h\r\nRange: {range}");
            let answer = asked(addr, format!("{request}\r\nIf-Range: \"a\"\r\n\r\n"))?;
            assert_eq!((answer.status, answer.content.len()), (200, 100), "{range}");
            let request =
                format!("HEAD / HTTP/1.1\r\nHost: h\r\nRange: {range}\r\n\r\n");
            assert_eq!(asked(addr, request)?.status, 200, "{range}");
        }
        Ok(())
    })
}

/// A browser opens a second connection before it needs one. The server prints nothing.
#[test]
fn a_connection_without_a_word_is_not_an_error() -> Outcome {
    each_server(|addr| {
        let (mut silent, mut lines) = (connect(addr)?, connect(addr)?);
        lines.write_all(b"\r\n")?; // an empty line isn't a request, either
        drop(connect(addr)?);
        let mut gone = connect(addr)?;
        gone.write_all(b"\r\n")?;
        drop(gone);
        assert_eq!(asked(addr, "GET / HTTP/1.0\r\n\r\n")?.status, 200);
        assert_eq!(
            (read_once(&mut silent, &mut [0])?, read_once(&mut lines, &mut [0])?),
            (0, 0)
        );
        Ok(()) // `each_server` checks what the server printed
    })
}

#[test]
fn each_must_has_its_test() {
    let (server, client) =
        (include_str!("http_server.rs"), include_str!("http_client.rs"));
    let all = [server, client, include_str!("http_requests.rs")].concat();
    let head = |text: &str| {
        let lines: Vec<&str> =
            text.lines().map_while(|l| l.strip_prefix("//!")).collect();
        lines.join("\n").split("\n\n Left out").next().unwrap_or_default().to_owned()
    };
    let musts = [head(server), head(client)].concat();
    let musts: Vec<&str> = musts.split("\n - 9").skip(1).collect();
    for must in &musts {
        let names = must.split('`').skip(1).step_by(2).filter(|word| word.contains('_'));
        let tests: Vec<String> = names.map(|name| format!("fn {name}() -> O")).collect();
        let are_there = tests.iter().all(|test| all.contains(test));
        assert!(are_there && !tests.is_empty(), "no test: 9{must}");
    }
    assert!(musts.len() > 60, "{}", musts.len());
}
