//! Lesson 16: an HTTP client with odd servers, and a server with odd clients.

use http_client::{clients, talk};

use super::*;
use crate::course::programs::{python, run};

#[path = "../../examples/http/mod.rs"]
#[allow(dead_code, unused_imports, reason = "its own tests use the rest")]
mod http;
#[path = "http_client.rs"]
mod http_client;
#[path = "http_requests.rs"]
mod http_requests;
#[path = "http_server.rs"]
mod http_server;
#[path = "http_tools.rs"]
mod http_tools;

/// What the client of lesson 16 prints, and its exit status.
fn fetch(args: &[&str]) -> Result<(String, Option<i32>), String> {
    let mut command = Command::new(example("16_http_get"));
    let (output, _) = run(command.arg("client").args(args), Instant::now() + DEADLINE)?;
    Ok((String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code()))
}

/// Runs the client against a server that reads one request and then does `part`.
fn against<F>(part: F) -> Result<(String, Option<i32>), Box<dyn std::error::Error>>
where
    F: FnOnce(&mut TcpStream) -> io::Result<()> + Send,
{
    let seen = talk(&clients()[0], "/", part)?;
    Ok((seen.printed, seen.status))
}

/// Reads once, or until the time is up. A read with a timeout doesn't restart by itself
/// when the machine has slept.
fn read_once(stream: &mut TcpStream, data: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(data) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Runs the client against a server that replies with these bytes and closes.
fn answered(answer: &[u8]) -> Result<(String, Option<i32>), Box<dyn std::error::Error>> {
    against(|stream| stream.write_all(answer))
}

#[test]
fn a_response_can_arrive_byte_by_byte() -> Outcome {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        7\r\nHello, \r\n5\r\nworld\r\n0\r\n\r\n";
    let (printed, status) = against(|stream| {
        stream.set_nodelay(true)?;
        answer.iter().try_for_each(|byte| stream.write_all(&[*byte]))
    })?;
    assert!(printed.contains("\nHello, world\n12 bytes in "), "{printed}");
    assert_eq!(status, Some(0));
    Ok(())
}

#[test]
fn a_body_ends_by_its_length_its_chunks_or_the_connection() -> Outcome {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello", "\nHello\n5 bytes in "),
        ("HTTP/1.0 200 OK\r\n\r\nHello", "\nHello\n5 bytes in "),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "\n(no bytes)\n0 bytes in "),
        ("HTTP/1.1 204 No Content\r\n\r\n", "\n(no bytes)\n0 bytes in "),
        // More than announced: the rest isn't part of the body.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello, world",
            "\nHello\n5 bytes in ",
        ),
    ] {
        let (printed, status) = answered(answer.as_bytes())?;
        assert!(printed.contains(expected), "{answer}: {printed}");
        assert_eq!(status, Some(0), "{answer}: {printed}");
    }
    Ok(())
}

#[test]
fn a_length_that_is_too_large_is_an_early_end() -> Outcome {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nHello";
    let (printed, status) = answered(answer)?;
    assert!(printed.contains("the connection ended after 5 of 10 bytes"), "{printed}");
    assert_eq!(status, Some(2));
    let (printed, status) = answered(b"HTTP/1.1 200 OK\r\nContent-Le")?;
    assert!(printed.contains("in the middle of the head"), "{printed}");
    assert_eq!(status, Some(2));
    let (printed, status) = answered(b"")?;
    assert!(printed.contains("ended without a response"), "{printed}");
    assert_eq!(status, Some(2));
    Ok(())
}

#[test]
fn a_server_that_is_not_a_web_server_is_noticed() -> Outcome {
    let (printed, status) = answered(b"SSH-2.0-OpenSSH\r\n\r\n")?;
    assert!(
        printed.contains("not a response in HTTP/1.1: `SSH-2.0-OpenSSH`"),
        "{printed}"
    );
    assert_eq!(status, Some(1));
    // A head without an end doesn't fill the memory.
    let (printed, _) = against(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(&b"x".repeat(10_000))?;
        }
    })?;
    assert!(printed.contains("the head, is too long"), "{printed}");
    Ok(())
}

#[test]
fn the_client_gives_up_on_a_silent_server_after_five_seconds() -> Outcome {
    let begin = Instant::now();
    let (printed, status) = against(|stream| read_once(stream, &mut [0]).map(|_| ()))?;
    assert!(printed.contains("did not answer in time"), "{printed}");
    assert_eq!(status, Some(2));
    assert!(begin.elapsed() >= Duration::from_secs(5));
    Ok(())
}

#[test]
fn without_the_blank_line_both_ends_wait() -> Outcome {
    let (_server, addr) = server("16_http_get")?;
    let mut stream = connect(addr)?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: here\r\n")?; // and no blank line
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    let error =
        read_once(&mut stream, &mut [0]).expect_err("an answer to half a request");
    assert!([ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()));
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.write_all(b"\r\n")?; // now it is a request
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    Ok(())
}

#[test]
fn a_url_that_cannot_be_fetched_is_explained_in_words() -> Outcome {
    let (_closed, closed) = closed_port()?;
    for (url, words) in [
        ("https://127.0.0.1/", "does not encrypt"),
        ("127.0.0.1:9016", "is not a URL"),
        (&format!("http://{closed}/"), &format!("Nobody listens on {closed}.")),
        ("http://no..host/", "No host called `no..host` can be found"),
    ] {
        let (printed, status) = fetch(&[url])?;
        assert!(printed.contains(words), "{url}: {printed}");
        assert_eq!(status, Some(2), "{url}: {printed}");
    }
    Ok(())
}

#[test]
fn the_table_has_a_row_for_each_number_of_connections() -> Outcome {
    let (_server, addr) = server("16_http_get")?;
    let url = format!("http://{addr}/bytes/1000");
    let (printed, status) = fetch(&[&url, "--parallel", "5"])?;
    let rows: Vec<&str> =
        printed.lines().filter(|line| line.contains("at once")).collect();
    let expected = ["1 at once: 1000 ", "2 at once: 2000 ", "4 at once: 4000 "];
    for (row, start) in rows.iter().zip(expected.iter().chain(&["5 at once: 5000 "])) {
        assert!(row.trim_start().starts_with(start), "{printed}");
    }
    assert_eq!((rows.len(), status), (4, Some(0)), "{printed}");
    Ok(())
}

#[test]
fn an_odd_client_does_not_disturb_the_web_server() -> Outcome {
    let (_server, addr) = server("16_http_get")?;
    let request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n";
    let silent = connect(addr)?; // never a byte
    let mut reset = connect(addr)?;
    reset.write_all(b"GET / HT")?;
    socket2::SockRef::from(&reset).set_linger(Some(Duration::ZERO))?;
    drop(reset);

    for (sent, status) in [
        (&request[..], "200 OK"),
        (b"GET / HTTP/1.0\n\n", "200 OK"),
        (b"\xff\xfe\x00 not HTTP\r\n\r\n", "400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: h\r\n\r\nabc", "405 Method Not Allowed"),
        (&b"x".repeat(10_000_000), "400 Bad Request"),
    ] {
        let stream = connect(addr)?;
        let mut answer = String::new();
        thread::scope(|scope| {
            scope.spawn(|| (&stream).write_all(sent)); // might be rejected half-way
            (&stream).read_to_string(&mut answer)
        })?;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    }
    let mut slowly = connect(addr)?;
    slowly.set_nodelay(true)?;
    request.iter().try_for_each(|byte| slowly.write_all(&[*byte]))?;
    slowly.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    slowly.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let all = (0..200).map(|_| connect(addr)).collect::<io::Result<Vec<_>>>()?;
    for mut stream in &all {
        stream.write_all(request)?;
    }
    for mut stream in all {
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        assert!(answer.ends_with("a body without a length\n"), "{answer}");
    }
    drop(silent);
    Ok(())
}

#[test]
fn ctrl_c_ends_the_web_server_while_it_sends() -> Outcome {
    let (mut server, addr) = server("16_http_get")?;
    let mut stream = connect(addr)?;
    stream.write_all(b"GET /bytes/10000000000 HTTP/1.0\r\n\r\n")?;
    stream.read_exact(&mut [0; 1000])?; // it sends, but we don't read any more
    server.interrupt()?;
    assert!(server.status(Instant::now() + DEADLINE)?.success());
    Ok(())
}

#[test]
fn pythons_client_and_ours_see_the_same_page() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let script = "lessons/python/16_http_get.py";
    let mut serving = Command::new(python);
    let serving = serving.args([script, "serve", "--addr", "127.0.0.1:0"]);
    for (_server, addr) in [server("16_http_get")?, Program::server(serving)?] {
        for path in ["/", "/chunked", "/until-close", "/missing", "/bytes/70000"] {
            let url = format!("http://{addr}{path}");
            let mut client = Command::new(python);
            let end = Instant::now() + DEADLINE;
            let (theirs, _) = run(client.args([script, "client", &url]), end)?;
            let theirs = String::from_utf8_lossy(&theirs.stdout);
            let (ours, _) = fetch(&[&url])?;
            // Two lines contain times, which differ.
            let without = |text: &str| {
                let text =
                    text.rsplit_once(" bytes in ").map(|(text, _)| text.to_owned());
                let lines = text.ok_or(format!("not fetched: {url}"))?;
                let lines = lines.lines().filter(|line| !line.starts_with("< Date: "));
                Ok::<_, String>(lines.collect::<Vec<_>>().join("\n"))
            };
            assert_eq!(without(&theirs)?, without(&ours)?, "{url}");
        }
    }
    Ok(())
}
