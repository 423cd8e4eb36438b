//! 09.2: reverse text instead of bytes.

use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, End, Got, NOTHING};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "09.2",
    title: "reverse text, not bytes",
    lesson: "09_reverse",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "a line comes back reversed, with the newline at the end",
            test: line,
        },
        Promise { name: "an é is one letter", test: letters },
        Promise { name: "its two bytes can come in two reads", test: pieces },
        Promise { name: "two lines can come in one read", test: two_lines },
        Promise { name: "a line can be 10,000 bytes long", test: long },
        Promise { name: "a last line without an end is answered, too", test: unended },
        Promise {
            name: "a line that isn't text affects only that client",
            test: not_text,
        },
        Promise { name: "a silent client stops nobody", test: silent },
        Promise { name: "a line without an end isn't collected forever", test: endless },
    ],
};

fn hello(server: &Server<'_>) -> Result<(), Broken> {
    let mut client = Client::connect(server)?;
    client.send(b"Hello\n").expect(b"olleH\n", |got| match &got.bytes[..] {
        b"\nolleH" => {
            "The newline was reversed with the rest. Take it off first, and put it back at the end."
        }
        b"olleH" => "The newline is missing: how can the client know that this is all?",
        b"" if got.end == End::Silence => {
            "Do you wait for the end of file? A client that goes on talking sends none."
        }
        _ if got.is_nothing() => NOTHING,
        _ => "Compare the two letter by letter.",
    })
}

fn line(program: &Program) -> Result<(), Broken> {
    hello(&program.serve(&[])?)
}

fn letters(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send("été!\n").expect("!été\n", |_| {
        "An é is two bytes, c3 a9, and they must stay in this order. What is it that you reverse?"
    })
}

fn pieces(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    for _ in 0..3 {
        client.send("ok\n").expect("ko\n", |_| "Compare the two letter by letter.")?;
        // The server waits in a read now, so that the first piece is one of its own.
        client.send_in_pieces(&[b"\xc3", b"\xa9t\xc3", b"\xa9!\n"]);
        client.expect("!été\n", |_| {
            "It came as c3, then a9 74 c3, then a9 21 0a. What one read returns can end in the \
             middle of a letter, and of a line: collect until the line has ended."
        })?;
    }
    Ok(())
}

fn two_lines(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send(b"ab\ncd\n").expect(b"ba\ndc\n", |_| {
        "Two lines came in one read. A stream has no messages: only `\\n` ends a line."
    })
}

fn long(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let text: String = (0..9999).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
    let wanted: String = text.chars().rev().collect();
    let mut client = Client::connect(&server)?;
    client.send(format!("{text}\n")).expect(format!("{wanted}\n"), |_| {
        "The line has 10,000 bytes, more than one read returns: collect until `\\n` comes."
    })
}

fn unended(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send("né").end().expect(
        "én",
        |_| "End of file ends the last line, whether it has a `\\n` or not.",
    )
}

fn not_text(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut odd = Client::connect(&server)?;
    odd.send(b"\xff\xfe\n").end(); // any reply will do, or none
    odd.read_while(Duration::from_secs(2), |bytes| bytes.is_empty());
    hello(&server).map_err(|broken| {
        let thought = "Bytes from outside can be anything. What does your program do with an \
            error that only this client has made?";
        broken.after("One client sent ff fe 0a, which isn't UTF-8. After that, another one:").think(thought)
    })
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let _silent = Client::connect(&server)?;
    hello(&server).map_err(|broken| {
        let thought =
            "Who waits for the silent one, and who accepts the next one meanwhile?";
        broken
            .after("One client is connected and says nothing. Another one:")
            .think(thought)
    })
}

fn endless(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.flood(&[b'x'; 64 * 1024]);
    let Got { bytes, end } =
        client.read_while(Duration::from_secs(4), |bytes| bytes.len() < 1000);
    if matches!(end, End::Closed | End::Reset) {
        return hello(&server);
    }
    let thought = "`read_line` collects for as long as the client sends, until no memory is left. \
        Who sets the limit?";
    Err(Broken::new(thought)
        .sent("64 KiB of x, again and again, and never a newline")
        .expected("the server disconnects that client")
        .received(Got { bytes, end }.to_string()))
}
