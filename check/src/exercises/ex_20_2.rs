//! 20.2: send browsers to the encrypted server.

use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::client::{Client, End, Got, NOTHING};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "20.2",
    title: "send browsers to the encrypted server",
    lesson: "20_tls",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "it says where it redirects, and listens there", test: says },
        Promise {
            name: "a GET is sent to the same path at the encrypted server",
            test: redirects,
        },
        Promise { name: "a head that comes in pieces is one head", test: pieces },
        Promise { name: "anything else is answered with 400", test: bad },
        Promise { name: "a silent client keeps nobody waiting", test: silent },
        Promise { name: "a head without an end costs five seconds", test: endless },
        Promise { name: "the other server is still encrypted", test: encrypted },
    ],
};

/// How long to wait where nothing should come.
const QUIET: Duration = Duration::from_millis(250);

/// Starts it, and finds both of its addresses.
fn serve(program: &Program) -> Result<(Server<'_>, SocketAddr), Broken> {
    let server = program.serve(&["--redirect", "127.0.0.1:0"])?;
    let told = |line: &str| line.strip_prefix("redirecting on ")?.trim().parse().ok();
    let plain: Option<SocketAddr> =
        server.line(|line| told(line).is_some()).and_then(|line| told(&line));
    match plain {
        Some(plain) => Ok((server, plain)),
        None => {
            let received = server.told();
            Err(Broken::new(
                "The real port is known only after the second server is bound. (Print it with \
                 `println!`, or with `show!`.)",
            )
            .sent("serve --redirect 127.0.0.1:0")
            .expected("a line `redirecting on 127.0.0.1:PORT`")
            .received(format!("as its last line: {received}")))
        }
    }
}

fn says(program: &Program) -> Result<(), Broken> {
    let (_server, plain) = serve(program)?;
    thread::sleep(QUIET); // a server that is dropped at once has gone by now
    visit(plain).map(drop)
}

/// The response that is expected for this path.
fn moved(server: &Server<'_>, path: &str) -> String {
    format!(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: https://localhost:{}{path}\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n",
        server.addr.port()
    )
}

const BAD: &str =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A client of the second server.
fn visit(plain: SocketAddr) -> Result<Client, Broken> {
    Client::connect_to(plain).map_err(|broken| {
        broken.think(
            "Nobody listens at the address of `redirecting on` any more. What `spawn` returns \
             stops its server when it's dropped, so keep it for as long as the other one serves.",
        )
    })
}

fn think(got: &Got) -> &'static str {
    match got.end {
        _ if got.is_nothing() => NOTHING,
        End::Silence if got.bytes.is_empty() => {
            "The head ends with the empty line. A browser waits for the answer, and doesn't \
             close: read lines until the empty one."
        }
        End::Silence => {
            "The rest of the answer doesn't come, or the connection isn't closed after it."
        }
        _ => {
            "Compare each line of the answer. The path comes back as it is, with what follows \
             a `?`. And which port does a browser have to go to?"
        }
    }
}

fn redirects(program: &Program) -> Result<(), Broken> {
    let (server, plain) = serve(program)?;
    for (line, path) in [
        ("GET / HTTP/1.1", "/"),
        ("GET /hello?x=1&y=/ HTTP/1.1", "/hello?x=1&y=/"),
        ("HEAD /a%20b HTTP/1.0", "/a%20b"),
    ] {
        let mut client = visit(plain)?;
        client.send(format!("{line}\r\nHost: localhost\r\nAccept: */*\r\n\r\n"));
        client.expect_last(moved(&server, path), think)?;
    }
    Ok(())
}

fn pieces(program: &Program) -> Result<(), Broken> {
    let (server, plain) = serve(program)?;
    let mut client = visit(plain)?;
    let pieces: [&[u8]; 5] =
        [b"GE", b"T /hello HT", b"TP/1.1\r", b"\nHost: localhost\r\n", b"\r\n"];
    client.send_in_pieces(&pieces[..4]);
    if client.receives_within(QUIET) {
        let got = client.read_while(QUIET, |bytes| bytes.len() < 200);
        return Err(Broken::new(
            "The head isn't over before the empty line. A server that answers and closes \
             earlier resets clients that still send.",
        )
        .sent("a request without the empty line at its end")
        .expected("no answer yet")
        .received(got.to_string()));
    }
    client.send(pieces[4]);
    client.expect_last(moved(&server, "/hello"), |_| {
        "A read isn't a line, and a line isn't a head. The answer comes when the empty line \
         has come."
    })
}

fn bad(program: &Program) -> Result<(), Broken> {
    let (_server, plain) = serve(program)?;
    for line in [
        &b"POST / HTTP/1.1"[..],
        b"GET hello HTTP/1.1",
        b"GET / HTTP/2",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 and more",
        b"GET /",
        b"hello",
        b"GET /a\rSet-Cookie:b HTTP/1.1",
        b"GET /\x1b[2J HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /\xff HTTP/1.1",
    ] {
        let mut client = visit(plain)?;
        client.send([line, b"\r\nHost: localhost\r\n\r\n"].concat());
        client.expect_last(BAD, |got| match got.is_nothing() {
            true => {
                "A first line that can't be read, because it isn't UTF-8, is a bad one, and is \
                 answered with 400, too. Which error did `next_line` return, and what did `?` \
                 do with it?"
            }
            false => {
                "Exactly three words with one space between them, and each of them looked \
                 at. The path goes into your answer, so it has only visible ASCII characters: \
                 a client that could put the end of a line there would write your answer's \
                 other lines."
            }
        })?;
    }
    Ok(())
}

fn silent(program: &Program) -> Result<(), Broken> {
    let (server, plain) = serve(program)?;
    let _silent = visit(plain)?;
    let mut half = visit(plain)?;
    half.send("GET /half");
    let mut client = visit(plain)?;
    client.send("GET /hello HTTP/1.1\r\n\r\n");
    client.expect_last(moved(&server, "/hello"), |_| {
        "Two others were there before, and say nothing or half of it. A thread for each client \
         is what the library gives you, if this is a server of its own."
    })
}

fn endless(program: &Program) -> Result<(), Broken> {
    let (_server, plain) = serve(program)?;
    let mut client = visit(plain)?;
    client.send("GET /hello HTTP/1.1\r\n");
    let stream = client.stream();
    let drip = thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        for number in 0..60 {
            if stream.write_all(format!("X-Number: {number}\r\n").as_bytes()).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(200));
        }
    });
    let got = client.read_while(Duration::from_secs(9), |_| true);
    client.end();
    drop(client);
    let _ = drip.join();
    if got.end != End::Silence {
        return Ok(());
    }
    Err(Broken::new(
        "Each line comes soon after the one before, so no single read takes long. It's the \
         whole head that must have a limit.",
    )
    .sent("the first line of a request, and then a line every fifth of a second")
    .expected("the connection ends after five seconds")
    .received(format!("after nine seconds it was still open ({})", shown(&got.bytes))))
}

fn encrypted(program: &Program) -> Result<(), Broken> {
    let (server, _plain) = serve(program)?;
    let mut client = Client::connect(&server)?;
    client.send("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let got = client.read(64);
    // A server that speaks TLS answers such a client with an alert, which isn't text.
    if got.end != End::Silence && got.bytes.first().is_none_or(|byte| *byte == 21) {
        return Ok(());
    }
    let thought = match got.bytes.is_empty() {
        true => {
            "Nobody serves this client, not even with an alert. `serve_forever` doesn't \
             return, so the server after it never begins. One of the two needs `spawn`."
        }
        false => {
            "Only the new address is plain. The server at `--addr` keeps its `.tls(..)`, so it \
             can't answer plain text."
        }
    };
    Err(Broken::new(thought)
        .sent("a plain GET to the address of `listening on`")
        .expected("the connection ends, with an alert of TLS at most")
        .received(got.to_string()))
}
