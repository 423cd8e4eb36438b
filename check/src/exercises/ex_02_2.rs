//! 02.2: a client that sends a hundred million bytes, and gets them all back.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use crate::broken::Broken;
use crate::program::{Program, Ran};
use crate::{Begin, Exercise, Promise, server};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "02.2",
    title: "a hundred million bytes",
    lesson: "02_echo",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "12 bytes come back", test: few },
        Promise { name: "100,000,000 bytes come back", test: many },
        Promise { name: "it notices a server that changes a byte", test: changed },
        Promise { name: "it notices a server that closes too early", test: early },
    ],
};

/// How long a client can take. The right ones take less than a second.
const LIMIT: Duration = Duration::from_secs(15);

fn client(program: &Program, addr: SocketAddr, bytes: usize) -> Result<Ran, Broken> {
    let (addr, bytes) = (addr.to_string(), bytes.to_string());
    program.run(&["client", "--addr", &addr, "--bytes", &bytes], LIMIT)
}

/// What the program was told to do.
fn told(bytes: usize, broken: Broken) -> Broken {
    broken.sent(format!("client --addr ADDRESS --bytes {bytes}"))
}

fn comes_back(program: &Program, bytes: usize) -> Result<(), Broken> {
    let addr = server::tcp(|mut stream| server::echo(&mut stream, usize::MAX))?;
    let ran = client(program, addr, bytes)?;
    let wanted = format!("{bytes} bytes came back");
    let is_last = ran.lines.last().is_some_and(|line| *line == wanted);
    if is_last && ran.status.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let broken = Broken::new(match ran.status {
        None => {
            "Neither end moves. The server writes and waits until you read; you write and wait \
             until it reads. Which end must do two things at once?"
        }
        Some(_) if is_last => {
            "All came back, but the exit status says that the program failed. It should be 0."
        }
        Some(_) => "The last line says how many bytes came back, and nothing else.",
    });
    Err(told(bytes, broken)
        .expected(format!("the last line is {wanted:?}"))
        .received(shown(&ran)))
}

/// What the client printed, and how it ended.
fn shown(ran: &Ran) -> String {
    let short = |line: &String| line.chars().take(60).collect::<String>();
    let printed = ran
        .lines
        .last()
        .map_or("no line".to_owned(), |line| format!("{:?}", short(line)));
    let error =
        ran.errors.first().map_or(String::new(), |line| format!(", {:?}", short(line)));
    match ran.status {
        None => format!(
            "{printed}{error}, and it still ran after {} seconds",
            LIMIT.as_secs()
        ),
        Some(status) => format!("{printed}{error}, {status}"),
    }
}

fn few(program: &Program) -> Result<(), Broken> {
    comes_back(program, 12)
}

fn many(program: &Program) -> Result<(), Broken> {
    comes_back(program, 100_000_000)
}

/// The client must end with an error.
fn found_out(
    program: &Program,
    addr: SocketAddr,
    bytes: usize,
    thought: &str,
) -> Result<(), Broken> {
    let ran = client(program, addr, bytes)?;
    let claims =
        ran.lines.iter().any(|line| line.starts_with(&format!("{bytes} bytes came")));
    if !claims && ran.status.is_some_and(|status| !status.success()) {
        return Ok(());
    }
    Err(told(bytes, Broken::new(thought))
        .expected("an error, and an exit status that isn't 0")
        .received(shown(&ran)))
}

fn changed(program: &Program) -> Result<(), Broken> {
    let addr = server::tcp(|mut stream| {
        let mut data = [0; 1000];
        stream.read_exact(&mut data)?;
        data[600] ^= 1;
        stream.write_all(&data)
    })?;
    let thought = "The server changed byte 600 of 1000. Counting isn't comparing.";
    found_out(program, addr, 1000, thought)
}

fn early(program: &Program) -> Result<(), Broken> {
    let addr = server::tcp(|mut stream| {
        server::echo(&mut stream, 1_000_000)?;
        stream.shutdown(Shutdown::Write)?;
        io::copy(&mut stream, &mut io::sink()).map(drop)
    })?;
    let thought = "The server closed after the first million bytes. What does `read` return \
        then, and what do you make of it?";
    found_out(program, addr, 100_000_000, thought)
}
