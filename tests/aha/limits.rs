//! Lesson 11: a server with limits of its own. The note shows it as a whole program.

// [program]
use std::io::{self, Write};
use std::time::Duration;

use socketserver::{LineError, TcpRequest, ThreadedServer};

fn main() -> io::Result<()> {
    server("127.0.0.1:9999")?.serve_forever()
}

fn server(address: &str) -> io::Result<ThreadedServer> {
    ThreadedServer::builder()
        .max_connections(200) // the next client waits in the queue
        .max_connections_per_address(20) // the address's next client is rejected
        .session_timeout(Duration::from_secs(3600)) // a whole connection
        .max_line(1000) // bytes
        .verify_request(|client| client.ip().is_loopback()) // false: rejected
        .handle_error(|client, error| eprintln!("{client}: {error}"))
        .tcp(address, answer)
}

/// Answers each line, even one that is too long or isn't text.
fn answer(request: &mut TcpRequest) -> io::Result<()> {
    loop {
        request.set_deadline(Duration::from_secs(10)); // for a whole line, however slow
        let line = request.next_line();
        request.set_deadline(None); // it would apply to writing, too
        match line {
            Ok(Some(line)) => writeln!(request, "you said {line}")?,
            Ok(None) => return Ok(()),
            Err(error) => match LineError::of(&error) {
                Some(wrong) => writeln!(request, "sorry: {wrong}")?,
                None => return Err(error), // too late, or the client is gone
            },
        }
    }
}
// [/program]

#[cfg(unix)]
use socketserver::UnixRequest;

/// A Unix server, which has a file name instead of an address and a port.
#[cfg(unix)]
fn unix(path: &std::path::Path) -> io::Result<ThreadedServer<std::path::PathBuf>> {
    // [unix]
    let server = ThreadedServer::unix(path, |request: &mut UnixRequest| {
        request.write_all(b"Thank you for connecting")
    })?;
    // [/unix]
    Ok(server)
}

use std::net::Shutdown;

use super::{Outcome, Read, connect};

#[test]
fn a_bad_line_is_answered_and_the_next_one_too() -> Outcome {
    let server = server("127.0.0.1:0")?.spawn()?;
    let mut client = connect(server.local_addr())?;
    for line in [b"x".repeat(1000), b"x".repeat(1001), b"\xff".to_vec(), b"end".to_vec()]
    {
        client.write_all(&[&line[..], b"\n"].concat())?;
    }
    client.shutdown(Shutdown::Write)?;
    let mut answers = String::new();
    client.read_to_string(&mut answers)?;
    let answered: Vec<&str> = answers.lines().map(|line| &line[..12]).collect();
    assert_eq!(
        answered,
        ["you said xxx", "sorry: the l", "sorry: the l", "you said end"]
    );
    Ok(())
}

#[test]
fn one_address_can_have_twenty_clients() -> Outcome {
    let server = server("127.0.0.1:0")?.spawn()?;
    let mut clients = Vec::new();
    for number in 1..=21 {
        let mut client = connect(server.local_addr())?;
        let _ = client.write_all(b"me, too\n");
        let count = client.read(&mut [0; 100]).unwrap_or(0);
        assert_eq!(count > 0, number <= 20, "client {number}");
        clients.push(client);
    }
    assert_eq!(server.stats().rejected, 1);
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_file() -> Outcome {
    let path = std::env::temp_dir().join(format!("aha-{}.sock", std::process::id()));
    let server = unix(&path)?.spawn()?;
    let mut text = String::new();
    std::os::unix::net::UnixStream::connect(&path)?.read_to_string(&mut text)?;
    assert_eq!(text, "Thank you for connecting");
    drop(server);
    assert!(!path.exists());
    Ok(())
}
