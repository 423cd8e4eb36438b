//! 05.1: a copy that keeps the connection open.

use crate::broken::Broken;
use crate::client::{Client, End, Got};
use crate::{Begin, Exercise, Mistake, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "05.1",
    title: "a copy that keeps the connection open",
    lesson: "05_closing",
    begin: Begin::Mistake(Mistake {
        line: "let (mut stream, address)",
        stays: true,
        lines: "    let copy = stream.try_clone()?;\n    \
                std::thread::spawn(move || {\n        \
                std::thread::sleep(Duration::from_secs(60)); // stands for writing a log\n        \
                drop(copy);\n    \
                });",
    }),
    promises: &[
        Promise { name: "the reply comes", test: answer },
        Promise { name: "and then the end of file, at once", test: end },
        Promise { name: "the next client gets the same", test: next },
        Promise { name: "ten million bytes are counted to the last", test: many },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Silence => {
            "Dropping your handle closes nothing while the thread has a copy. Which call closes \
             your half, even if others have a handle?"
        }
        End::Reset => "The connection is closed too early, or in the wrong direction.",
        _ => {
            "The reply is the number of bytes, as in the lesson: close your half after it."
        }
    }
}

fn answer(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.send(b"Hello, world").end().expect("12 bytes", think)
}

fn end(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.send(b"Hello, world").end().expect_last("12 bytes", think)
}

fn next(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for count in 1..=3 {
        let mut client = Client::connect(&server)?;
        client
            .send(vec![b'x'; count])
            .end()
            .expect_last(format!("{count} bytes"), think)?;
    }
    Ok(())
}

fn many(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send(vec![b'x'; 10_000_000]).end().expect_last("10000000 bytes", think)
}
