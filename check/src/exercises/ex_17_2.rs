//! 17.2: several clients, without a thread.

use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::Client;
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "17.2",
    title: "several clients without a thread",
    lesson: "17_nonblocking",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "the server serves one client without waiting for a second one",
            test: one,
        },
        Promise { name: "a silent client doesn't stop the others", test: silent },
        Promise {
            name: "when the silent one sends something, it is served as well",
            test: in_the_end,
        },
        Promise {
            name: "a client that leaves in the middle doesn't disturb the others",
            test: reset,
        },
        Promise { name: "it serves ten clients and a slow one at once", test: ten },
    ],
};

/// Waits until the server says that this many bytes came from a client.
fn came(server: &Server<'_>, count: usize, thought: &str) -> Result<(), Broken> {
    let wanted = format!("{count} bytes came");
    if server.line(|line| line.trim() == wanted).is_some() {
        return Ok(());
    }
    let lines = server.lines();
    let last: Vec<&String> = lines.iter().rev().take(3).rev().collect();
    Err(Broken::new(thought)
        .sent(format!("{count} bytes, then end of file"))
        .expected(format!("a line {wanted:?}"))
        .received(format!("no such line for four seconds; the last ones: {last:?}")))
}

fn sends(server: &Server<'_>, count: usize) -> Result<Client, Broken> {
    let mut client = Client::connect(server)?;
    client.send(vec![b'x'; count]).end();
    Ok(client)
}

fn one(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let _client = sends(&server, 100_000)?;
    let thought = "No other client is connected. Does `accept` wait for a second one?";
    came(&server, 100_000, thought)
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let _silent = Client::connect(&server)?;
    let _client = sends(&server, 300_000)?;
    let thought = "The first client is connected and sends nothing. Where do you wait \
        for it, while the second one sends?";
    came(&server, 300_000, thought)
}

fn in_the_end(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut silent = Client::connect(&server)?;
    let _client = sends(&server, 3000)?;
    came(&server, 3000, "A client that sends nothing must not stop the others.")?;
    silent.send(b"Hello").end();
    came(
        &server,
        5,
        "The first client was silent, and now it sends something. Is it still in your list?",
    )
}

fn reset(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut silent = Client::connect(&server)?;
    let mut client = Client::connect(&server)?;
    client.send(vec![b'x'; 1000]);
    drop(client);
    silent.send(b"Hello, world").end();
    let thought = "Another client left. Does one client's error end your whole loop?";
    came(&server, 12, thought)
}

fn ten(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut slow = Client::connect(&server)?;
    let mut clients = Vec::new();
    for index in 0..10 {
        clients.push(sends(&server, 10_000 + index)?);
        slow.send(b"x");
        thread::sleep(Duration::from_millis(20));
    }
    let thought = "Ten clients send, and another sends a byte now and then. Which one \
        does your loop leave out?";
    (0..10).try_for_each(|index| came(&server, 10_000 + index, thought))?;
    slow.end();
    came(&server, 10, thought)
}
