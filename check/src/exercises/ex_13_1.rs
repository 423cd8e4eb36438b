//! 13.1: a handler that checks whether the server stops, and loses lines by that.

use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::client::{Client, End};
use crate::{Begin, Exercise, Mistake, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "13.1",
    title: "checking whether the server stops",
    lesson: "13_graceful_shutdown",
    begin: Begin::Mistake(Mistake {
        line: "while let Some(line) = request.",
        stays: true,
        lines: "        if request.server().is_shutting_down() {\n            \
                break; // the server stops, so we stop\n        \
                }",
    }),
    promises: &[
        Promise { name: "a line comes back word by word", test: words },
        Promise {
            name: "after Ctrl-C, the handler finishes the line that it is sending",
            test: in_hand,
        },
        Promise {
            name: "the handler answers lines that had arrived before Ctrl-C",
            test: arrived,
        },
        Promise { name: "an idle client doesn't delay the end", test: idle },
    ],
};

/// Checks what a client receives if Ctrl-C comes after the first word.
fn heard(
    program: &Program,
    lines: &str,
    wanted: &str,
    thought: &str,
) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let mut client = Client::connect(&server)?;
    client.send(lines).expect("one\n", |_| "Each word comes on a line of its own.")?;
    if !server.interrupt() {
        return Ok(()); // this system has no such signal
    }
    let got = client.read_while(Duration::from_secs(6), |bytes| bytes.len() < 10_000);
    if got.bytes == wanted.as_bytes() && got.end == End::Closed {
        return Ok(());
    }
    Err(Broken::new(thought)
        .sent(format!("{lines:?}, and Ctrl-C after the first word"))
        .expected(format!("{}, then end of file", shown(wanted.as_bytes())))
        .received(got.to_string()))
}

fn words(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--deadline", "4000"])?;
    let mut client = Client::connect(&server)?;
    client.send("one two\nthree\n").expect("one\ntwo\nthree\n", |_| {
        "As long as the server isn't stopping, each word comes on a line of its own, \
         as before."
    })
}

fn in_hand(program: &Program) -> Result<(), Broken> {
    let thought = "The client sent a whole line, so the handler answers it to the end.";
    heard(program, "one two three four five\n", "two\nthree\nfour\nfive\n", thought)
}

fn arrived(program: &Program) -> Result<(), Broken> {
    let thought = "All three lines had arrived before Ctrl-C. What would the next read \
        return, and why does the handler never call it?";
    heard(
        program,
        "one two three four five six\nseven\neight nine\n",
        "two\nthree\nfour\nfive\nsix\nseven\neight\nnine\n",
        thought,
    )
}

fn idle(program: &Program) -> Result<(), Broken> {
    let mut server = program.serve(&["--deadline", "60000"])?;
    let mut client = Client::connect(&server)?;
    client.send("one\n").expect("one\n", |_| "Each word comes on a line of its own.")?;
    if !server.interrupt() {
        return Ok(());
    }
    let ended = server.end(Duration::from_secs(4));
    if ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    Err(Broken::new(
        "When the server stops, the handler of an idle client reads end of file, and \
         must end.",
    )
    .sent("\"one\\n\", then nothing; Ctrl-C; the deadline is a minute away")
    .expected("the server ends, with exit status 0")
    .received(
        ended.map_or("it still ran after four seconds".to_owned(), |it| it.to_string()),
    ))
}
