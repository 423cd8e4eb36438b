//! What RFC 9110 and RFC 9112 demand of a client that sends `GET`, compared with lesson
//! 16's client and its Python version. Each line has the section of a MUST, what a
//! client MUST do, and the test that checks it.
//!
//! - 9110 2.4: take what it gets as the RFC means it, with its extensions:
//!   `odd_responses_are_read`
//! - 9110 4.2.1: not ask a host without a name: `what_is_not_asked_for_is_not_sent`
//! - 9110 4.2.2: not fetch `https://` without encryption:
//!   `what_is_not_asked_for_is_not_sent`
//! - 9110 4.2.4: not send the name and the password of a URL:
//!   `what_is_not_asked_for_is_not_sent`
//! - 9110 5.5: leave out white space around a value; reject or replace CR, LF and NUL:
//!   `odd_responses_are_read`, `wrong_responses_are_rejected`
//! - 9110 5.6.1, 5.6.3: accept empty members of a list, and bad white space:
//!   `odd_responses_are_read`
//! - 9110 6.2: not send a version that it does not support:
//!   `the_request_says_what_is_asked_for`
//! - 9110 6.5: not merge trailers into the headers: `odd_responses_are_read`
//! - 9110 7.2: send `Host`: `the_request_says_what_is_asked_for`
//! - 9110 8.6: expect lengths of any size: `wrong_responses_are_rejected`
//! - 9110 10.1.1, 10.1.3, 12.5.4: not expect 100-continue, nor send `Referer` or
//!   `Accept-Language`, unasked: `the_request_says_what_is_asked_for`
//! - 9110 15: understand the class of an unknown status:
//!   `odd_responses_are_read`
//! - 9110 15.2: read 1xx before the response, expected or not: `odd_responses_are_read`
//! - 9112 2.2: read bytes, not letters; reject or replace a bare CR:
//!   `odd_responses_are_read`, `wrong_responses_are_rejected`
//! - 9112 2.2: not send an empty line before or after the request, nor white space
//!   after its first line: `the_request_says_what_is_asked_for`
//! - 9112 2.2: reject or skip white space after the first line:
//!   `wrong_responses_are_rejected`
//! - 9112 3.2, 3.2.1: send path and query, `/` for no path; `Host` as in the URL:
//!   `the_request_says_what_is_asked_for`
//! - 9112 5.2: unfold a folded header; send none: `odd_responses_are_read`,
//!   `the_request_says_what_is_asked_for`
//! - 9112 6.1: understand chunks, but not in HTTP/1.0: `odd_responses_are_read`,
//!   `wrong_responses_are_rejected`
//! - 9112 6.3: reject a bad length, or two; not mistake what follows for a
//!   response: `wrong_responses_are_rejected`, `odd_responses_are_read`
//! - 9112 6.3, 8: notice that a response is not complete:
//!   `answers_that_break_off_are_not_complete`
//! - 9112 7.1: expect chunks of any size: `wrong_responses_are_rejected`
//! - 9112 7.1.1: ignore the extensions of chunks: `odd_responses_are_read`
//! - 9112 7.4: not send `TE: chunked`: `the_request_says_what_is_asked_for`
//! - 9112 9.3: send `close` with every request: `the_request_says_what_is_asked_for`
//! - 9112 9.6: ask once, and close after the response:
//!   `the_client_closes_when_the_answer_is_whole`
//!
//! Left out on purpose: other methods than `GET`, bodies in requests, connections that
//! stay open, proxies, redirections (the response is shown), passwords, `https`, ranges,
//! codings other than chunks, and caches. What MUST be done about one of those is not
//! in the list.

use std::ffi::OsString;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Our client, and its Python version if Python is installed.
pub(super) fn clients() -> Vec<Vec<OsString>> {
    let rust = vec![example("16_http_get").into_os_string()];
    let python = python().map(|python| vec![python.into(), SCRIPT.into()]);
    [Some(rust), python].into_iter().flatten().collect()
}

const SCRIPT: &str = "lessons/python/16_http_get.py";

/// What a client sent, and how that ended: what it printed, and its exit status.
pub(super) struct Seen {
    pub(super) request: String,
    pub(super) printed: String,
    pub(super) status: Option<i32>,
}

/// What each client prints when it fetches a page; all of them must succeed.
pub(super) fn all_fetch(url: &str) -> Result<Vec<String>, String> {
    let fetch = |client: &Vec<OsString>| {
        let mut command = Command::new(&client[0]);
        let command = command.args(&client[1..]).args(["client", url]);
        let (output, _) = run(command, Instant::now() + DEADLINE)?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(printed) } else { Err(printed) }
    };
    clients().iter().map(fetch).collect()
}

/// Lets a client ask a server that does `part` when it has read the request. `target` is
/// what comes after the address in the URL.
pub(super) fn talk<F>(
    client: &[OsString],
    target: &str,
    part: F,
) -> Result<Seen, Box<dyn std::error::Error>>
where
    F: FnOnce(&mut TcpStream) -> io::Result<()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    let url = format!("http://{addr}{target}");
    thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut stream = bounded(listener.accept()?.0)?;
            let mut request = vec![0; 4000];
            let count = read_once(&mut stream, &mut request)?;
            let _ = part(&mut stream); // the client might leave first
            io::Result::Ok(String::from_utf8_lossy(&request[..count]).into_owned())
        });
        let mut command = Command::new(&client[0]);
        let command = command.args(&client[1..]).args(["client", &url]);
        let ended = run(command, Instant::now() + DEADLINE);
        drop(TcpStream::connect(addr)); // if the client didn't connect, this ends the wait
        let request = server.join().map_err(|_| "the server panicked")??;
        let (output, _) = ended?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(Seen { request, printed, status: output.status.code() })
    })
}

/// Gives each response to each client, a few at the same time.
fn each_answer<T: AsRef<[u8]> + Sync>(
    answers: &[T],
    judge: impl Fn(usize, &Seen) -> Result<(), String> + Sync,
) -> Outcome {
    let next = AtomicUsize::new(0);
    let clients = clients();
    let work = || -> Result<(), String> {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            let (client, at) = (job % clients.len(), job / clients.len());
            let Some(answer) = answers.get(at).map(AsRef::as_ref) else { return Ok(()) };
            let seen = talk(&clients[client], "/", |stream| stream.write_all(answer));
            let about = || format!("{}: {}", clients[client].len(), shown(answer));
            let seen = seen.map_err(|error| format!("{}: {error}", about()))?;
            judge(at, &seen).map_err(|error| format!("{}: {error}", about()))?;
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            thread.join().map_err(|_| "the test panicked")??;
        }
        Ok(())
    })
}

fn shown(answer: &[u8]) -> String {
    answer[..answer.len().min(300)].escape_ascii().to_string()
}

#[test]
fn odd_responses_are_read() -> Outcome {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let answers = [
        // The first line
        (format!("{ok}\r\nHello"), "Hello"),
        ("HTTP/1.0 200 OK\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.9 200 OK\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 200 \r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 200\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 200 Very  OK \u{e9}\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 299 New\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 499 New\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 599 New\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 301 Moved\r\nLocation: /a\r\n\r\nHello".into(), "Hello"),
        ("HTTP/1.1 200 OK\n\nHello".into(), "Hello"),
        // Headers
        (format!("{ok}A:\r\nB:c\r\nD: \t e \t\r\n\r\nHello"), "Hello"),
        (format!("{ok}A: one\r\n two\r\n\tthree\r\n\r\nHello"), "Hello"),
        (format!("{ok}Content-Length:\r\n 5\r\n\r\nHello, world"), "Hello"),
        (format!("{ok}Content-Length: 5\r\n \r\n\r\nHello, world"), "Hello"),
        (format!("{ok}Transfer-Encoding:\r\n\tchunked\r\n\r\n0\r\n\r\nx"), ""),
        (format!("{ok}A: {}\r\n\r\nHello", "x".repeat(60_000)), "Hello"),
        (format!("{ok}{}\r\nHello", "A: b\r\n".repeat(100)), "Hello"),
        // 1xx before the response
        (format!("HTTP/1.1 100 Continue\r\n\r\n{ok}\r\nHello"), "Hello"),
        (format!("HTTP/1.1 103 Early\r\nA: b\r\n\r\n{ok}\r\nHello"), "Hello"),
        (format!("{}{ok}\r\nHello", "HTTP/1.1 199 x\r\n\r\n".repeat(5)), "Hello"),
        // A length
        (format!("{ok}Content-Length: 5\r\n\r\nHello, world"), "Hello"),
        (format!("{ok}Content-Length: 5\r\n\r\nHello{ok}\r\n"), "Hello"),
        (format!("{ok}CONTENT-length:\t5 \r\n\r\nHello, world"), "Hello"),
        (format!("{ok}Content-Length: 000000000000000000000005\r\n\r\nHello!"), "Hello"),
        (format!("{ok}Content-Length: 5, 05,,5\r\n\r\nHello!"), "Hello"),
        (format!("{ok}Content-Length: 5\r\nContent-Length: 5\r\n\r\nHello!"), "Hello"),
        (format!("{ok}Content-Length: 0\r\n\r\nHello"), ""),
        ("HTTP/1.1 204 No Content\r\n\r\nHello".into(), ""),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n".into(), ""),
        // Chunks
        (format!("{ok}{chunked}5\r\nHello\r\n0\r\n\r\nrest"), "Hello"),
        (format!("{ok}{chunked}0005\r\nHello\r\n000\r\n\r\n"), "Hello"),
        (format!("{ok}{chunked}A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n"), {
            "0123456789abcdefghij"
        }),
        (format!("{ok}{chunked}5;a\r\nHello\r\n0;b=c;d=\"e;f\"\r\n\r\n"), "Hello"),
        (format!("{ok}{chunked}5 \t; a = b\r\nHello\r\n0\r\n\r\n"), "Hello"),
        (format!("{ok}{chunked}5\nHello\n0\n\n"), "Hello"),
        (
            format!("{ok}{chunked}5\r\nHello\r\n0\r\nContent-Length: 1\r\nA: b\r\n\r\n"),
            { "Hello" },
        ),
        (format!("{ok}Transfer-Encoding: ,CHUNKED,\r\n\r\n0\r\n\r\n"), ""),
        (format!("{ok}Content-Length: 1\r\n{chunked}5\r\nHello\r\n0\r\n\r\n"), "Hello"),
        (format!("{ok}Content-Length: x\r\n{chunked}5\r\nHello\r\n0\r\n\r\n"), "Hello"),
    ];
    let bytes: Vec<&str> = answers.iter().map(|(answer, _)| answer.as_str()).collect();
    each_answer(&bytes, |at, seen| {
        let body = answers[at].1;
        let page = if body.is_empty() { "(no bytes)" } else { body };
        let expected = format!("<\n{page}\n{} bytes in ", body.len());
        if seen.printed.contains(&expected) && seen.status == Some(0) {
            return Ok(());
        }
        Err(format!("{:?}, {}", seen.status, seen.printed))
    })
}

#[test]
fn a_folded_header_is_shown_as_one() -> Outcome {
    let answer = "HTTP/1.1 200 OK\r\nA: one\r\n two\r\n\t three \r\nB: c\r\n\r\n";
    each_answer(&[answer], |_, seen| {
        match seen.printed.contains("< A: one two three\n< B: c\n<\n")
            || seen.printed.contains("< A: one  two \t three\n< B: c\n<\n")
        {
            true => Ok(()),
            false => Err(seen.printed.clone()),
        }
    })
}

#[test]
fn wrong_responses_are_rejected() -> Outcome {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut answers = Vec::new();
    for first in [
        "SSH-2.0-OpenSSH",
        "HTTP/2 200",
        "HTTP/2.0 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1. 200 OK",
        "HTTP/+.1 200 OK",
        "http/1.1 200 OK",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 20x OK",
        "HTTP/1.1 \u{662}00 OK",
        "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 200 OK", // unasked
        "HTTP/1.1 200 O\rK",
        "",
    ] {
        answers.push(format!("{first}\r\n\r\nHello"));
    }
    for headers in [
        "no colon",
        ": b",
        "A : b",
        "A b: c",
        " A: b", // white space after the first line
        "\tA: b\r\nC: d",
        "A: b\rc",
        "A: b\0c",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5_0",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: 5e0",
        "Content-Length: \u{665}",
        "Content-Length: \u{a0}5",
        "Content-Length: \x0b5",
        "Content-Length: \x0c5",
        "Content-Length:",
        "Content-Length: ,",
        "Content-Length: 5, 6",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 18446744073709551616",
        "Content-Length: 99999999999999999999999999999999999",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding:",
    ] {
        answers.push(format!("{ok}{headers}\r\n\r\nHello"));
    }
    for chunks in [
        " 5\r\nHello\r\n0\r\n\r\n",
        "5 \r\nHello\r\n0\r\n\r\n",
        "+5\r\nHello\r\n0\r\n\r\n",
        "-5\r\nHello\r\n0\r\n\r\n",
        "0x5\r\nHello\r\n0\r\n\r\n",
        "5_0\r\nHello\r\n0\r\n\r\n",
        "g\r\nHello\r\n0\r\n\r\n",
        "\r\nHello\r\n0\r\n\r\n",
        ";a=b\r\nHello\r\n0\r\n\r\n",
        "4\r\nHello\r\n0\r\n\r\n",
        "7\r\nHello\r\n0\r\n\r\n",
        "10000000000000005\r\nHello\r\n0\r\n\r\n",
        "5\rx\nHello\r\n0\r\n\r\n",
    ] {
        answers.push(format!("{chunked}{chunks}"));
    }
    answers
        .push("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into());
    answers.push(format!("{}{ok}\r\nHello", "HTTP/1.1 100 x\r\n\r\n".repeat(100)));
    answers.push(format!("HTTP/1.1 200 {}\r\n\r\nHello", "x".repeat(20_000)));
    answers.push(format!("{ok}A: {}\r\n\r\nHello", "x".repeat(70_000)));
    answers.push(format!("{ok}{}\r\nHello", "A: b\r\n".repeat(101)));
    answers.push(format!("{ok}A: b\r\n{}\r\nHello", " c\r\n".repeat(50_000)));
    answers.push(format!("{chunked}5;{}\r\nHello\r\n0\r\n\r\n", "x".repeat(2000)));
    answers.push(format!("{chunked}0\r\n{}\r\n", "A: b\r\n".repeat(20_000)));
    each_answer(&answers, |_, seen| {
        let fine = seen.status != Some(0) && is_told_in_words(&seen.printed);
        if fine { Ok(()) } else { Err(format!("{:?}, {}", seen.status, seen.printed)) }
    })
}

/// Whether the client rejected a response in words, and didn't just crash.
fn is_told_in_words(printed: &str) -> bool {
    !printed.contains(" bytes in ")
        && !printed.contains("panicked")
        && !printed.contains("Traceback")
}

#[test]
fn answers_that_break_off_are_not_complete() -> Outcome {
    let answers = [
        "",
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Len",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHello",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\nHello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nHello",
    ];
    each_answer(&answers, |_, seen| {
        let (printed, status) = (&seen.printed, seen.status);
        let fine = is_told_in_words(printed) && printed.contains("the connection ended");
        if fine && status != Some(0) {
            Ok(())
        } else {
            Err(format!("{status:?}, {printed}"))
        }
    })
}

#[test]
fn the_request_says_what_is_asked_for() -> Outcome {
    for client in clients() {
        for (target, expected) in [
            ("", "/"),
            ("/", "/"),
            ("?a=b", "/?a=b"),
            ("/a/b?c=d?e#f", "/a/b?c=d?e"),
            ("/a?#f", "/a?"),
            ("/#a?b", "/"),
            ("/a%20b;c=d@e:f", "/a%20b;c=d@e:f"),
            ("//a//", "//a//"),
        ] {
            let seen = talk(&client, target, |stream| {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")
            })?;
            let (first, rest) = seen.request.split_once("\r\n").unwrap_or_default();
            assert_eq!(first, format!("GET {expected} HTTP/1.1"), "{client:?}");
            let host = rest.strip_prefix("Host: 127.0.0.1:").unwrap_or_default();
            let rest = host.trim_start_matches(|digit: char| digit.is_ascii_digit());
            assert_eq!(rest, "\r\nConnection: close\r\n\r\n", "{}", seen.request);
            assert_eq!(seen.status, Some(0), "{}", seen.printed);
        }
    }
    Ok(())
}

/// The server listens, but no client connects.
#[test]
fn what_is_not_asked_for_is_not_sent() -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let addr = listener.local_addr()?;
    for client in clients() {
        for url in [
            format!("https://{addr}/"),
            format!("http://me:secret@{addr}/"),
            format!("http://me@{addr}/"),
            format!("http://@{addr}/"),
            format!("http://:{}/", addr.port()),
            format!("http://{addr}0000/"),
            format!("http://{addr}/a b"),
            format!("http://{addr}/\r\nX: y"),
            format!("http://{addr}/\n"),
            format!("http://{addr}/\u{e9}"),
            format!("http://{addr}\t/"),
            format!("http://{addr}/<a>"),
            format!("http://{addr}/100%"),
            format!("http:///{addr}/"),
            format!("{addr}"),
        ] {
            let mut command = Command::new(&client[0]);
            let command = command.args(&client[1..]).args(["client", &url]);
            let (output, _) = run(command, Instant::now() + DEADLINE)?;
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(!output.status.success(), "{url:?}: {printed}");
            assert!(is_told_in_words(&printed), "{url:?}: {printed}");
            assert!(!printed.contains("secret"), "{printed}");
            let error = listener.accept().map(drop).expect_err(&url);
            assert_eq!(error.kind(), ErrorKind::WouldBlock, "{url:?}");
        }
    }
    Ok(())
}

/// The server doesn't close the connection. The client does, without waiting.
#[test]
fn the_client_closes_when_the_answer_is_whole() -> Outcome {
    for client in clients() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nHi\r\n0\r\n\r\n",
            "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\n\r\n",
        ] {
            let ended = std::sync::atomic::AtomicBool::new(false);
            let seen = talk(&client, "/", |stream| {
                stream.write_all(answer.as_bytes())?;
                let count = read_once(stream, &mut [0])?; // no second request
                ended.store(count == 0, Ordering::Relaxed);
                Ok(())
            })?;
            assert_eq!(seen.status, Some(0), "{}", seen.printed);
            assert!(ended.into_inner(), "{answer}");
        }
    }
    Ok(())
}

#[test]
fn what_comes_from_a_server_does_not_command_the_terminal() -> Outcome {
    let answer =
        "HTTP/1.1 200 \x1b[2J\r\nA: \x1b]0;b\x07\r\n\r\n\x1b[2J\u{9b}31m\x08\x7f";
    each_answer(&[answer], |_, seen| {
        let control = |letter: char| letter.is_control() && letter != '\n';
        let fine = !seen.printed.contains(control) && seen.status == Some(0);
        if fine { Ok(()) } else { Err(format!("{:?}", seen.printed)) }
    })
}
