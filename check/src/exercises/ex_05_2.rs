//! 05.2: reject a client that sends too much, so that it learns why.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, End, Got, NOTHING};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "05.2",
    title: "too long",
    lesson: "05_closing",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "a client that sends little gets the number of bytes",
            test: few,
        },
        Promise { name: "1000 bytes aren't too long", test: limit },
        Promise { name: "1001 bytes are", test: over },
        Promise {
            name: "a client that doesn't end is rejected all the same",
            test: endless,
        },
        Promise { name: "the reply arrives, even after ten million bytes", test: flood },
        Promise { name: "the next client is served", test: next },
        Promise { name: "a client that trickles on keeps nobody waiting", test: drips },
    ],
};

const RESET: &str = "You closed while bytes of the client were unread, and that is a reset: it \
    can destroy a reply that is on its way. Say that you are done (shut down your half), \
    and then read on.";

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Reset => RESET,
        End::Silence if got.bytes.is_empty() => {
            "Do you wait for something that never comes?"
        }
        End::Silence => {
            "The client can't know that this is all: shut down your half before you read on."
        }
        _ if got.is_nothing() => NOTHING,
        _ if got.bytes == b"too long" => {
            "More than 1000 bytes is too long; 1000 is not."
        }
        _ if got.bytes.ends_with(b" bytes") => {
            "How many bytes came, and how many do you count?"
        }
        _ => "Compare the two letter by letter: the client gets exactly this text.",
    }
}

fn few(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.send(b"Hello, world").end().expect_last("12 bytes", think)
}

fn limit(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for count in [999, 1000] {
        let mut client = Client::connect(&server)?;
        client
            .send(vec![b'x'; count])
            .end()
            .expect_last(format!("{count} bytes"), think)?;
    }
    Ok(())
}

fn over(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.send([b'x'; 1001]).end().expect_last("too long", think)
}

fn endless(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send([b'x'; 5000]).expect_last("too long", think)
}

fn flood(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let data = vec![b'x'; 10_000_000];
    for _ in 0..3 {
        let mut client = Client::connect(&server)?;
        match client.send_all(&data) {
            Ok(client) => client.end().expect_last("too long", think)?,
            Err(error) => {
                return Err(Broken::new(RESET)
                    .sent("ten million bytes; this client reads when it has sent all")
                    .expected("\"too long\", then end of file")
                    .received(format!("an error while it sent: {error}")));
            }
        }
    }
    Ok(())
}

fn next(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.send([b'x'; 5000]).end().expect_last("too long", think)?;
    Client::connect(&server)?
        .send(b"Hello")
        .end()
        .expect_last("5 bytes", think)
        .map_err(|broken| broken.after("After one client was rejected, the next one:"))
}

fn drips(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut dripper = Client::connect(&server)?;
    dripper.send([b'x'; 5000]).expect_last("too long", think)?;
    if let Some(mut stream) = dripper.stream() {
        thread::spawn(move || {
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(200));
            }
        });
    }
    let thought = "A read timeout limits each read, and each byte begins a new one. Limit all \
        of them together: two seconds from `too long` on.";
    Client::connect(&server)?
        .send(b"Hello")
        .end()
        .expect_last("5 bytes", |_| thought)
        .map_err(|broken| {
            broken.after("A client that was rejected goes on sending, a byte at a time. The next one:")
        })
}
