//! 19.1: a room that is full says so with a close code.

use std::thread;
use std::time::{Duration, Instant};

use crate::broken::Broken;
use crate::client::{Client, PATIENCE};
use crate::program::Server;
use crate::websocket::{Guest, Heard};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "19.1",
    title: "a full room, and its close code",
    lesson: "19_websocket",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "without `--most`, three guests come in and talk", test: all },
        Promise {
            name: "with `--most 2`, the third is told 1013, right after the 101",
            test: third,
        },
        Promise { name: "the room gets no line about it", test: unheard },
        Promise { name: "the page is served, and takes up no place", test: page },
        Promise { name: "a rejected client takes up no space", test: sent_away },
        Promise {
            name: "a guest that leaves makes room, however that happens",
            test: leaves,
        },
        Promise { name: "of eight who come at once, two get in", test: at_once },
    ],
};

const MOST: &[&str] = &["--most", "2"];

/// Enters: a greeting has come.
fn enters(server: &Server<'_>, who: &str) -> Result<Guest, Broken> {
    let mut guest = Guest::connect(server, &[])?;
    match guest.hears() {
        Heard::Text(text) if text.starts_with("-- you are ") => Ok(guest),
        other => Err(Broken::new(
            "There is room for this guest, so it's greeted as in the lesson.",
        )
        .expected(format!("the greeting \"-- you are ..\", for {who}"))
        .received(other.to_string())),
    }
}

/// Is rejected, with 1013 and nothing else.
fn is_sent_away(server: &Server<'_>, who: &str) -> Result<(), Broken> {
    match Guest::connect(server, &[])?.hears() {
        Heard::Close(Some(1013)) => Ok(()),
        Heard::Text(text) => Err(Broken::new(
            "The room is full. Is this guest counted, and before it's greeted?",
        )
        .expected(format!("a close frame with the code 1013, for {who}"))
        .received(format!("the text {text:?}"))),
        other => Err(Broken::new(
            "1013 means: try again later. It's what a page can see in its `onclose`.",
        )
        .expected(format!("a close frame with the code 1013, for {who}"))
        .received(other.to_string())),
    }
}

fn all(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = enters(&server, "the first guest")?;
    let mut guests = [enters(&server, "the second one")?, enters(&server, "the third")?];
    ada.says("Hello, all");
    for guest in &mut guests {
        guest.hears_eventually("a text that ends with \": Hello, all\"", |text| {
            text.ends_with(": Hello, all")
        })?;
    }
    Ok(())
}

fn third(program: &Program) -> Result<(), Broken> {
    let server = program.serve(MOST)?;
    let _guests = [enters(&server, "the first of two")?, enters(&server, "the second")?];
    is_sent_away(&server, "the third guest of two")
}

fn unheard(program: &Program) -> Result<(), Broken> {
    let server = program.serve(MOST)?;
    let mut ada = enters(&server, "the first of two")?;
    let mut bob = enters(&server, "the second of two")?;
    ada.hears_eventually("the news that the second has joined", |text| {
        text.ends_with(" joined")
    })?;
    is_sent_away(&server, "the third guest of two")?;
    bob.says("Hello, ada");
    match ada.hears() {
        Heard::Text(text) if text.ends_with(": Hello, ada") => Ok(()),
        other => Err(Broken::new(
            "A rejected client was never in the room, so the room sees it neither join nor leave.",
        )
        .expected("a text that ends with \": Hello, ada\"")
        .received(other.to_string())),
    }
}

fn page(program: &Program) -> Result<(), Broken> {
    let server = program.serve(MOST)?;
    looks(&server)?;
    looks(&server)?;
    let _idle = [Client::connect(&server)?, Client::connect(&server)?];
    let _guests = [
        enters(&server, "the first of two, after two looks at the page")?,
        enters(&server, "the second of two, after two looks at the page")?,
    ];
    looks(&server)
}

/// Asks for the page.
fn looks(server: &Server<'_>) -> Result<(), Broken> {
    let mut client = Client::connect(server)?;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", server.addr);
    let got = client.send(&request).read(15);
    if got.bytes == b"HTTP/1.1 200 OK" {
        return Ok(());
    }
    Err(Broken::new("A client that only fetches the page isn't a guest.")
        .sent(format!("{request:?}"))
        .expected("\"HTTP/1.1 200 OK\"")
        .received(got.to_string()))
}

/// Tries to enter until there is room: the one before is perhaps still on the way out.
fn enters_soon(server: &Server<'_>, after: &str) -> Result<Guest, Broken> {
    let until = Instant::now() + PATIENCE;
    loop {
        match enters(server, "the next guest") {
            Err(broken) if Instant::now() > until => {
                return Err(broken
                    .after(format!("Two were in, and one left: {after}."))
                    .think("A guest that leaves makes room. `finish` is called in each case."));
            }
            Err(_) => thread::sleep(Duration::from_millis(50)),
            entered => return entered,
        }
    }
}

fn leaves(program: &Program) -> Result<(), Broken> {
    let server = program.serve(MOST)?;
    let _ada = enters(&server, "the first of two")?;
    let mut bob = enters(&server, "the second of two")?;
    bob.says("/quit");
    let mut bob = enters_soon(&server, "by /quit")?;
    bob.closes(1000);
    let mut bob = enters_soon(&server, "by a close frame")?;
    bob.says(&"x".repeat(5000));
    let bob = enters_soon(&server, "by a message that is too long")?;
    bob.goes();
    let _bob = enters_soon(&server, "without a word")?;
    is_sent_away(&server, "a third guest of two")
}

fn sent_away(program: &Program) -> Result<(), Broken> {
    let server = program.serve(MOST)?;
    let _guests = [enters(&server, "the first of two")?, enters(&server, "the second")?];
    for who in ["a third guest", "a fourth", "a fifth", "a sixth"] {
        is_sent_away(&server, who)?;
        thread::sleep(Duration::from_millis(50)); // so that the server knows it has gone
    }
    Ok(())
}

fn at_once(program: &Program) -> Result<(), Broken> {
    for _ in 0..5 {
        let server = program.serve(MOST)?;
        let guests: Vec<Result<(bool, Guest), Broken>> = thread::scope(|scope| {
            let come = || {
                let mut guest = Guest::connect(&server, &[])?;
                Ok((matches!(guest.hears(), Heard::Text(_)), guest))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(come)).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        let guests = guests.into_iter().collect::<Result<Vec<_>, _>>()?;
        let inside = guests.iter().filter(|(is_in, _)| *is_in).count();
        if inside != 2 {
            return Err(Broken::new(
                "Looking whether there is room and taking it has to be one step. Otherwise \
                 another guest comes in between.",
            )
            .sent("eight guests at once, with --most 2")
            .expected("two of them are greeted, and six get 1013")
            .received(format!("{inside} were greeted")));
        }
    }
    Ok(())
}
