//! 09.1: a limit for silent clients.

use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, End, Got};
use crate::{Begin, Exercise, Program, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "09.1",
    title: "a limit for silent clients",
    lesson: "09_reverse",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "what a client sends comes back, reversed", test: reverses },
        Promise { name: "a silent client is disconnected", test: silent },
        Promise {
            name: "so is one that talks, and is silent after that",
            test: falls_silent,
        },
        Promise { name: "a client that goes on talking can stay", test: talks },
        Promise { name: "others are served as before", test: others },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Closed | End::Reset => {
            "The limit is for silence. Each read restarts it; it isn't for the whole connection."
        }
        _ => "The bytes of each read come back in reverse order, as in the lesson.",
    }
}

/// The connection must end without another byte.
fn ends(client: &mut Client, what: &str) -> Result<(), Broken> {
    let got = client.read(1);
    if got.bytes.is_empty() && got.end != End::Silence {
        return Ok(());
    }
    Err(Broken::new(
        "What does `read` return when the limit is over, and what do you do then?",
    )
    .sent(format!("serve --limit 500; {what}"))
    .expected("the server closes the connection")
    .received(got.to_string()))
}

fn reverses(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--limit", "5000"])?;
    Client::connect(&server)?.send(b"Hello").expect(b"olleH", think)
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--limit", "500"])?;
    ends(&mut Client::connect(&server)?, "the client says nothing")
}

fn falls_silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--limit", "500"])?;
    let mut client = Client::connect(&server)?;
    client.send(b"Hello").expect(b"olleH", think)?;
    ends(&mut client, "the client says Hello, and then nothing")
}

fn talks(program: &Program) -> Result<(), Broken> {
    one_of_three(|| talk(program))
}

fn talk(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--limit", "1500"])?;
    let mut client = Client::connect(&server)?;
    for _ in 0..9 {
        client.send(b"Hello").expect(b"olleH", think).map_err(|broken| {
            broken.after(
                "serve --limit 1500; a client says Hello every fifth of a second.",
            )
        })?;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn others(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--limit", "500"])?;
    let mut silent = Client::connect(&server)?;
    ends(&mut silent, "the client says nothing")?;
    let after =
        "serve --limit 500; after a silent client was disconnected, the next one:";
    let thought = "One client's end must not be the end of the server.";
    let mut client = Client::connect(&server)?;
    client
        .send(b"Hello")
        .expect(b"olleH", |_| thought)
        .map_err(|broken| broken.after(after))
}
