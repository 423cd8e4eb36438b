//! 01.1: the whole greeting, with ten bytes of buffer.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::{Begin, Exercise, Mistake, Program, Promise, server};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "01.1",
    title: "ten bytes of buffer",
    lesson: "01_greeting",
    begin: Begin::Mistake(Mistake {
        line: "read_to_end(&mut greeting)",
        stays: false,
        lines: "    greeting.resize(10, 0); // a buffer of ten bytes\n    \
                let count = stream.read(&mut greeting)?;\n    \
                greeting.truncate(count);",
    }),
    promises: &[
        Promise { name: "the client prints the whole greeting", test: whole },
        Promise { name: "even if it comes in pieces", test: pieces },
        Promise {
            name: "even if a piece ends in the middle of a letter",
            test: letters,
        },
        Promise { name: "a longer greeting, too", test: long },
    ],
};

/// Lets the client talk to a server that says this, in pieces. What does it print?
fn prints(
    program: &Program,
    said: &'static [&'static [u8]],
    thought: &str,
) -> Result<(), Broken> {
    let addr = server::tcp(move |mut stream| {
        said.iter().try_for_each(|piece| {
            stream.write_all(piece)?;
            thread::sleep(Duration::from_millis(60));
            Ok(())
        })
    })?;
    let args = ["client", "--addr", &addr.to_string()];
    let ran = program.run(&args, Duration::from_secs(15))?;
    let whole = said.concat();
    let wanted = format!("received {}", String::from_utf8_lossy(&whole));
    let last = ran.lines.last().or(ran.errors.last());
    if last.is_some_and(|line| *line == wanted)
        && ran.status.is_some_and(|it| it.success())
    {
        return Ok(());
    }
    let still =
        if ran.status.is_none() { ", and it still ran after 15 seconds" } else { "" };
    Err(Broken::new(thought)
        .sent(format!("by the server, then end of file: {} piece(s)", said.len()))
        .expected(format!("the client prints {wanted:?}"))
        .received(last.map_or("nothing".to_owned(), |line| format!("{line:?}")) + still))
}

fn whole(program: &Program) -> Result<(), Broken> {
    let thought = "One `read` returns what has come so far, and at most as much as fits into \
        the buffer. When is the greeting complete?";
    prints(program, &[b"Thank you for connecting"], thought)
}

fn pieces(program: &Program) -> Result<(), Broken> {
    let thought = "A read can return fewer bytes than fit into the buffer, and more can follow. \
        Only 0 is the end.";
    prints(program, &[b"Thank", b" you for", b" connecting"], thought)
}

fn letters(program: &Program) -> Result<(), Broken> {
    let thought = "An é is two bytes, and the first one came alone. Collect bytes, and turn \
        them into text at the end.";
    // Even if they come all at once, the first ten bytes end in the middle of one.
    prints(program, &[b"Bonsoir, \xc3", b"\xa9t\xc3", b"\xa9!"], thought)
}

fn long(program: &Program) -> Result<(), Broken> {
    let thought =
        "The greeting can be longer than you think: read until the server closes.";
    prints(program, &[&[b'x'; 50], &[b'y'; 50], &[b'z'; 50]], thought)
}
