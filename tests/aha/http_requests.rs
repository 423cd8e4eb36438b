//! What lesson 16's server and its Python version accept as a request, and the status of
//! their responses to anything else. The list of the RFCs' MUSTs is in `http_server.rs`.

use super::http_server::{asked, each_server, statuses};
use super::*;

#[test]
fn a_whole_url_is_a_target() -> Outcome {
    each_server(|addr| {
        for target in [
            &format!("http://{addr}/") as &str,
            "http://other.example",
            "HTTP://other.example:80/?a=b",
            "http://[::1]?a=b/c",
        ] {
            let answer =
                asked(addr, format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))?;
            assert_eq!(answer.status, 200, "{target}");
            assert!(answer.content.starts_with(b"Hello from"), "{target}");
        }
        statuses(
            addr,
            &[
                ("GET http://h/chunked HTTP/1.0\r\n\r\n", 200),
                ("GET http://h/no-such-page HTTP/1.1\r\nHost: h\r\n\r\n", 404),
                ("GET http://h/ HTTP/1.1\r\n\r\n", 400),
                ("GET http:///a HTTP/1.1\r\nHost: \r\n\r\n", 400),
                ("GET http:// HTTP/1.1\r\nHost: \r\n\r\n", 400),
                ("GET http://me:secret@h/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
                ("GET http://h:x/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
                ("GET https://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 421),
                ("GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n", 421),
            ],
        )?;
        Ok(())
    })
}

#[test]
fn there_is_one_host() -> Outcome {
    each_server(|addr| {
        for (hosts, status) in [
            ("Host: here\r\n", 200),
            ("hOST:here:9016\r\n", 200),
            ("Host: [::1]:80\r\n", 200),
            ("Host: h:\r\n", 200),
            ("Host:\r\n", 200),
            ("Host: a%20b\r\n", 200),
            ("", 400),
            ("Hosts: h\r\n", 400),
            ("Host: h\r\nHost: h\r\n", 400),
            ("Host: h\r\nHost: other\r\n", 400),
            ("Host: a b\r\n", 400),
            ("Host: a/b\r\n", 400),
            ("Host: me@h\r\n", 400),
            ("Host: http://h\r\n", 400),
            ("Host: h:80:80\r\n", 400),
            ("Host: h:+80\r\n", 400),
            ("Host: ::1\r\n", 400),
            ("Host: [::g]\r\n", 400),
            ("Host: h\u{e9}\r\n", 400),
            ("Host: %zz\r\n", 400),
        ] {
            statuses(addr, &[(&format!("GET / HTTP/1.1\r\n{hosts}\r\n"), status)])?;
        }
        statuses(
            addr,
            &[
                ("GET / HTTP/1.0\r\n\r\n", 200),
                ("GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", 400),
                ("GET / HTTP/1.0\r\nHost: a b\r\n\r\n", 400),
            ],
        )?;
        Ok(())
    })
}

#[test]
fn empty_lines_before_a_request_are_skipped() -> Outcome {
    each_server(|addr| {
        for lines in ["\r\n", "\n", "\r\n\r\n\n"] {
            let request = format!("{lines}GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            statuses(addr, &[(&request, 200)])?;
        }
        statuses(addr, &[(&"\r\n".repeat(20_000), 400)])?; // but not forever
        Ok(())
    })
}

#[test]
fn the_query_is_not_part_of_the_page() -> Outcome {
    each_server(|addr| {
        for (target, length) in [("/?x=1", 125), ("/?", 125), ("/bytes/7?a?b=/c", 7)] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
            assert_eq!(asked(addr, request)?.content.len(), length, "{target}");
        }
        Ok(())
    })
}

#[test]
fn a_target_has_the_form_of_its_method() -> Outcome {
    each_server(|addr| {
        for (first, status) in [
            ("OPTIONS * HTTP/1.1", 405),
            ("OPTIONS / HTTP/1.1", 405),
            ("CONNECT h:443 HTTP/1.1", 405),
            ("GET * HTTP/1.1", 400),
            ("GET h:443 HTTP/1.1", 400),
            ("CONNECT h HTTP/1.1", 400),
            ("CONNECT h: HTTP/1.1", 400),
            ("CONNECT h:0 HTTP/1.1", 400),
            ("CONNECT h:70000 HTTP/1.1", 400),
            ("CONNECT /a HTTP/1.1", 400),
            ("GET index.html HTTP/1.1", 400),
            ("GET /a#b HTTP/1.1", 400),
            ("GET /\u{e9} HTTP/1.1", 400),
            ("GET /\x01 HTTP/1.1", 400),
            ("GET /../../etc/passwd HTTP/1.1", 404),
            ("GET //chunked HTTP/1.1", 404),
        ] {
            statuses(addr, &[(&format!("{first}\r\nHost: h\r\n\r\n"), status)])?;
        }
        Ok(())
    })
}

#[test]
fn a_first_line_is_three_words() -> Outcome {
    each_server(|addr| {
        for (first, status) in [
            ("GET /", 400),
            ("GET", 400),
            ("what is this", 400),
            ("GET  / HTTP/1.1", 400),
            (" GET / HTTP/1.1", 400),
            ("GET / HTTP/1.1 ", 400),
            ("GET\t/\tHTTP/1.1", 400),
            ("G(T / HTTP/1.1", 400),
            ("GET / http/1.1", 400),
            ("GET / HTTP/1", 400),
            ("GET / HTTP/1.10", 400),
            ("GET / HTTP/01.1", 400),
            ("GET / XHTTP/1.1", 400),
            ("GET / HTTP/1.1\r", 400),
            ("GET / HTTP/\u{661}.1", 400),
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/0.9", 505),
            ("PRI * HTTP/2.0", 505),
        ] {
            statuses(addr, &[(&format!("{first}\r\nHost: h\r\n\r\n"), status)])?;
        }
        Ok(())
    })
}

#[test]
fn a_method_is_answered_forbidden_or_unknown() -> Outcome {
    each_server(|addr| {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"] {
            let answer = asked(addr, format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"))?;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(answer.headers["allow"], "GET, HEAD", "{method}");
        }
        for method in ["get", "Head", "GETS", "PROPFIND", "!#", &"A".repeat(1000)] {
            let answer = asked(addr, format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"))?;
            assert_eq!(answer.status, 501, "{method}");
        }
        Ok(())
    })
}

#[test]
fn a_header_is_a_name_a_colon_and_a_value() -> Outcome {
    each_server(|addr| {
        for (headers, status) in [
            ("A:b\r\nC: \t d e \t \r\n", 200),
            ("A:\r\n", 200),
            ("A: b: c\r\n", 200),
            ("!#$%&'*+-.^_`|~: b\r\n", 200),
            ("A: b\n", 200), // a line can end like this
            ("A: one\r\n two\r\n\tthree\r\n", 200), // folded
            ("A : b\r\n", 400),
            ("A\t: b\r\n", 400),
            (" A: b\r\n", 200), // continues Host, which is then ..
            ("A b: c\r\n", 400),
            (": b\r\n", 400),
            ("no colon\r\n", 400),
            ("\u{e9}: b\r\n", 400),
            ("A: b\rc\r\n", 400),
            ("A: b\r\r\n", 400),
            ("A: b\0c\r\n", 400),
            ("A\0: b\r\n", 400),
        ] {
            let (host, status) = match headers {
                " A: b\r\n" => ("Host: h", 400), // .. `h A: b`
                _ => ("Host: h", status),
            };
            let request = format!("GET / HTTP/1.1\r\n{host}\r\n{headers}\r\n");
            statuses(addr, &[(&request, status)])?;
        }
        statuses(addr, &[("GET / HTTP/1.1\r\n Host: h\r\nHost: h\r\n\r\n", 400)])?;
        statuses(addr, &[("GET / HTTP/1.1\r\nHost:\r\n h\r\n\r\n", 200)])?;
        statuses(addr, &[("GET / HTTP/1.1\nHost: h\n\n", 200)])?;
        // Bytes that aren't UTF-8: one of them must not swallow the end of the line.
        let answer =
            asked(addr, b"GET / HTTP/1.1\r\nA: \xe9\xff\xc3\r\nHost: h\r\n\r\n")?;
        assert_eq!(answer.status, 200);
        Ok(())
    })
}

#[test]
fn what_is_too_large_has_its_own_status() -> Outcome {
    each_server(|addr| {
        let get = "GET / HTTP/1.1\r\nHost: h\r\n";
        let long = |count| "x".repeat(count);
        statuses(
            addr,
            &[
                (&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", long(8000)), 404),
                (&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", long(9000)), 414),
                (&format!("GET /{}", long(10_000_000)), 414),
                (&format!("PUT /{}", long(10_000_000)), 414),
                (&long(10_000_000), 400),
                (&format!("{get}A: {}\r\n\r\n", long(60_000)), 200),
                (&format!("{get}A: {}\r\n\r\n", long(70_000)), 431),
                (&format!("{get}{}: b\r\n\r\n", long(70_000)), 431),
                (&format!("{get}A: {}", long(10_000_000)), 431),
                (&format!("{get}{}\r\n", "A: b\r\n".repeat(99)), 200),
                (&format!("{get}{}\r\n", "A: b\r\n".repeat(100)), 431),
                (&format!("{get}{}\r\n", "A: bcdef\r\n".repeat(1_000_000)), 431),
                (&format!("{get}A: b\r\n{}\r\n", " c\r\n".repeat(20_000)), 431),
                (&format!("{get}Content-Length: 1000\r\n\r\n{}", long(1000)), 200),
                (
                    &format!("{get}Content-Length: 2000000\r\n\r\n{}", long(2_000_000)),
                    413,
                ),
            ],
        )?;
        Ok(())
    })
}

#[test]
fn a_body_has_one_length() -> Outcome {
    each_server(|addr| {
        for (headers, body, status) in [
            ("Content-Length: 5\r\n", "Hello", 200),
            ("Content-Length: 0\r\n", "", 200),
            ("Content-Length: 0000000000000000000000005\r\n", "Hello", 200),
            ("Content-Length: 5, 5,\r\ncontent-length: 5\r\n", "Hello", 200),
            (
                "Transfer-Encoding: chunked\r\n",
                "5;a=b\r\nHello\r\n0\r\nA: b\r\n\r\n",
                200,
            ),
            ("Transfer-Encoding: , ChunkeD ,\r\n", "0\r\n\r\n", 200),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", "", 400),
            ("Content-Length: 5, 6\r\n", "", 400),
            ("Content-Length: +5\r\n", "", 400),
            ("Content-Length: -5\r\n", "", 400),
            ("Content-Length: 5 5\r\n", "", 400),
            ("Content-Length: 5_0\r\n", "", 400),
            ("Content-Length: 0x5\r\n", "", 400),
            ("Content-Length: 5.0\r\n", "", 400),
            ("Content-Length: \u{665}\r\n", "", 400),
            ("Content-Length: \u{a0}5\r\n", "", 400),
            ("Content-Length: \x0b5\r\n", "", 400),
            ("Content-Length:\r\n", "", 400),
            ("Content-Length: ,\r\n", "", 400),
            ("Content-Length: 18446744073709551616\r\n", "", 400),
            ("Content-Length: 100000000000000000000000000000\r\n", "", 400),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", 400),
            ("Transfer-Encoding:\r\n", "", 400),
            ("Transfer-Encoding: xchunked\r\n", "", 400),
            ("Transfer-Encoding: \x0bchunked\r\n", "", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", "", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", "", 400),
            ("Transfer-Encoding: identity\r\n", "", 400),
            ("Transfer-Encoding: gzip\r\n", "", 400),
            ("Transfer-Encoding: gzip, chunked\r\n", "", 501),
            ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "", 501),
        ] {
            let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{headers}\r\n{body}");
            statuses(addr, &[(&request, status)])?;
        }
        let request = "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        statuses(addr, &[(request, 400)])?;
        Ok(())
    })
}

/// Somebody writes `https://` instead of `http://`. What comes then isn't text, and has
/// no newline.
#[test]
fn https_is_answered_and_not_waited_for() -> Outcome {
    each_server(|addr| {
        let mut stream = connect(addr)?;
        stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")?;
        // A server that waited for a newline would be late.
        stream.set_read_timeout(Some(Duration::from_secs(3)))?;
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, b"HTTP/1.1 400");
        Ok(())
    })
}
