//! 06.2: limit the whole connection.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, End, Got};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "06.2",
    title: "two seconds for a connection",
    lesson: "06_one_at_a_time",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "what a client sends comes back", test: echo },
        Promise { name: "a client that talks for a second isn't cut off", test: talks },
        Promise { name: "a silent client is disconnected", test: silent },
        Promise { name: "so is one that trickles bytes", test: drips },
        Promise { name: "so is one that sends and never reads", test: never_reads },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Closed | End::Reset => {
            "The connection ended before the two seconds were over."
        }
        _ => "The bytes come back as they came, at once.",
    }
}

fn echo(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send(b"Hello").expect(b"Hello", think)?;
    client.send(b"and once more").expect(b"and once more", think)
}

fn talks(program: &Program) -> Result<(), Broken> {
    one_of_three(|| talk(program))
}

fn talk(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    for _ in 0..4 {
        client.send(b"Hello").expect(b"Hello", think)?;
        thread::sleep(Duration::from_millis(250));
    }
    Ok(())
}

/// A client does something odd. The next one is served in the end.
fn next(server: &Server<'_>, odd: &str, thought: &'static str) -> Result<(), Broken> {
    let mut client = Client::connect(server)?;
    let answered = client.send(b"Hello").expect(b"Hello", |_| thought);
    answered
        .map_err(|broken| broken.after(format!("The first client {odd}. The next one:")))
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let _silent = Client::connect(&server)?;
    let thought = "A read without a timeout waits forever; and the end of one connection must not \
        be the end of the server.";
    next(&server, "says nothing and stays", thought)
}

fn drips(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let dripper = Client::connect(&server)?;
    if let Some(mut stream) = dripper.stream() {
        thread::spawn(move || {
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(200));
            }
        });
    }
    let thought = "Each byte begins a new read, and a new timeout. What is left of the two \
        seconds, before each read?";
    next(&server, "sends a byte every fifth of a second", thought)
}

fn never_reads(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut stalled = Client::connect(&server)?;
    stalled.flood(&[b'x'; 64 * 1024]);
    let thought = "Your write waits until the client reads, and it never does. A write needs \
        what is left of the two seconds, too.";
    next(&server, "sends a lot and never reads", thought)
}
