//! Python's client talks to Rust's server, and Rust's client to Python's, with the same
//! bytes.
//!
//! Server and client of both languages meet in all four pairs. Between them, a relay
//! records what goes each way. All four records must be as expected.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::programs::{self, DEADLINE, Program, python};

/// One conversation, and the bytes that it must send.
pub(crate) struct Talk {
    /// The lesson.
    pub(crate) lesson: &'static str,
    /// The transport.
    pub(crate) over: Over,
    /// The client's words on the command line.
    pub(crate) words: &'static [&'static str],
    /// What is typed into the client, line by line.
    pub(crate) typed: &'static str,
    /// What the client sends.
    pub(crate) sends: &'static [u8],
    /// What the server replies.
    pub(crate) answers: &'static [u8],
}

/// The transport of a conversation.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Over {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// One language's programs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Language {
    /// The example.
    Rust,
    /// The Python version.
    Python(&'static str),
}

/// What went each way: from the client, and from the server.
type Record = Arc<Mutex<(Vec<u8>, Vec<u8>)>>;

/// Runs one conversation in all pairs of languages; without Python, in Rust only.
pub(crate) fn talk(talk: &Talk) -> Vec<String> {
    let mut languages = vec![Language::Rust];
    languages.extend(python().map(Language::Python));
    let mut complaints = Vec::new();
    for server in &languages {
        for client in &languages {
            if let Err(complaint) = pair(talk, *server, *client) {
                complaints.push(format!(
                    "{}: {client:?}'s client and {server:?}'s server: {complaint}",
                    talk.lesson
                ));
            }
        }
    }
    complaints
}

/// One pair.
fn pair(talk: &Talk, server: Language, client: Language) -> Result<(), String> {
    let mut command = program(talk.lesson, server);
    let (mut server, addr) =
        Program::server(command.args(["serve", "--addr", "127.0.0.1:0"]))?;
    let record = Record::default();
    let relay = match talk.over {
        Over::Tcp => relay_tcp(addr, Arc::clone(&record)),
        Over::Udp => relay_udp(addr, Arc::clone(&record)),
    };
    let relay = relay.map_err(|error| format!("the relay: {error}"))?;

    let mut command = program(talk.lesson, client);
    let relay = relay.to_string();
    command.args(["client", "--addr", &relay]).args(talk.words);
    let mut client = Program::start(&mut command)?;
    for line in talk.typed.lines() {
        client.type_line(line)?;
    }
    client.close_input();
    let end = Instant::now() + DEADLINE;
    let status = client.status(end)?;
    let printed = client.rest(end)?.join("\n");
    if !status.success() {
        return Err(format!("the client ended with {status} and printed:\n{printed}"));
    }
    if server.has_ended() {
        return Err("the server ended".to_owned());
    }

    let expected = (talk.sends.to_vec(), talk.answers.to_vec());
    let came = loop {
        let came = record.lock().clone();
        if came == expected || Instant::now() > end - DEADLINE + Duration::from_secs(1) {
            break came;
        }
        thread::sleep(Duration::from_millis(2)); // the relay might still be recording it
    };
    if came == expected {
        return Ok(());
    }
    Err(format!(
        "other bytes than agreed in the table of talks.\n  \
         client: {}\n  agreed: {}\n  server: {}\n  agreed: {}",
        came.0.escape_ascii(),
        expected.0.escape_ascii(),
        came.1.escape_ascii(),
        expected.1.escape_ascii()
    ))
}

/// The program of a lesson in a language.
fn program(lesson: &str, language: Language) -> Command {
    match language {
        Language::Rust => Command::new(programs::example(lesson)),
        Language::Python(python) => {
            let mut command = Command::new(python);
            command.arg(format!("lessons/python/{lesson}.py"));
            command
        }
    }
}

/// An address that passes everything on to `server`.
fn relay_tcp(server: SocketAddr, record: Record) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        let Ok((client, _)) = listener.accept() else { return };
        let Ok(server) = TcpStream::connect(server) else { return };
        let client = Arc::new(client);
        let server = Arc::new(server);
        let back = {
            let (server, client, record) =
                (Arc::clone(&server), Arc::clone(&client), Arc::clone(&record));
            move || pass(&server, &client, |data| record.lock().1.extend(data))
        };
        thread::spawn(back);
        pass(&client, &server, |data| record.lock().0.extend(data));
    });
    Ok(addr)
}

/// Passes a stream on until its end, and records it.
fn pass(mut from: &TcpStream, mut to: &TcpStream, note: impl Fn(&[u8])) {
    let mut data = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut data) {
        note(&data[..count]);
        if to.write_all(&data[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The same for datagrams. An empty datagram is recorded as `<empty>`.
fn relay_udp(server: SocketAddr, record: Record) -> std::io::Result<SocketAddr> {
    let front = UdpSocket::bind("127.0.0.1:0")?;
    let back = UdpSocket::bind("127.0.0.1:0")?;
    back.connect(server)?;
    let addr = front.local_addr()?;
    front.set_read_timeout(Some(DEADLINE))?;
    back.set_read_timeout(Some(DEADLINE))?;
    let note =
        |data: &[u8]| if data.is_empty() { b"<empty>".to_vec() } else { data.to_vec() };
    let client = Arc::new(Mutex::new(None));
    let (front, back) = (Arc::new(front), Arc::new(back));
    {
        let (front, back) = (Arc::clone(&front), Arc::clone(&back));
        let (client, record) = (Arc::clone(&client), Arc::clone(&record));
        thread::spawn(move || {
            let mut data = [0; 65_535];
            while let Ok(count) = back.recv(&mut data) {
                record.lock().1.extend(note(&data[..count]));
                let client = *client.lock();
                if let Some(client) = client {
                    let _ = front.send_to(&data[..count], client);
                }
            }
        });
    }
    thread::spawn(move || {
        let mut data = [0; 65_535];
        while let Ok((count, from)) = front.recv_from(&mut data) {
            *client.lock() = Some(from);
            record.lock().0.extend(note(&data[..count]));
            let _ = back.send(&data[..count]);
        }
    });
    Ok(addr)
}
