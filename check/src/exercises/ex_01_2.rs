//! 01.2: greet each client with its number.

use crate::broken::Broken;
use crate::client::{Client, End, Got, NOTHING, PATIENCE};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "01.2",
    title: "number the clients",
    lesson: "01_greeting",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "the first client is told that it is number 1", test: first },
        Promise { name: "the next ones are number 2 and number 3", test: next },
        Promise {
            name: "a client that leaves without listening counts, too",
            test: leaves,
        },
        Promise { name: "twenty clients at once get twenty numbers", test: at_once },
        Promise {
            name: "there is no last number: the 300th client gets its own",
            test: many,
        },
    ],
};

fn greeting(number: usize) -> String {
    format!("Thank you for connecting, you are number {number}")
}

fn greeted(server: &Server<'_>, number: usize) -> Result<(), Broken> {
    Client::connect(server)?.expect_last(greeting(number), think)
}

fn think(got: &Got) -> &'static str {
    let text = String::from_utf8_lossy(&got.bytes);
    match text.strip_prefix("Thank you for connecting, you are number ") {
        _ if got.end == End::Silence && !got.bytes.is_empty() => {
            "The client reads until you close. Which variable keeps the connection open?"
        }
        Some("0") => "People count from 1. Add one before you greet, not after.",
        Some("1") => {
            "Each client is number 1. Where is the counter made: once, or again for each client?"
        }
        Some(_) => "That's another number. When do you add one, and for whom?",
        None if got.is_nothing() => NOTHING,
        None => "Compare the two letter by letter: the client gets exactly this text.",
    }
}

fn first(program: &Program) -> Result<(), Broken> {
    greeted(&program.serve(&[])?, 1)
}

fn next(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    (1..=3).try_for_each(|number| greeted(&server, number))
}

fn leaves(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Client::connect(&server)?.reset();
    greeted(&server, 2).map_err(|broken| {
        broken.after("The first client reset its connection, without reading anything.")
    })
}

fn at_once(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let clients: Result<Vec<Client>, Broken> =
        (0..20).map(|_| Client::connect(&server)).collect();
    let mut got: Vec<String> = Vec::new();
    for mut client in clients? {
        let greeting = client.read_while(PATIENCE, |bytes| bytes.len() < 100);
        got.push(String::from_utf8_lossy(&greeting.bytes).into_owned());
    }
    let wanted = |number: &usize| !got.contains(&greeting(*number));
    let Some(missing) = (1..=20).find(wanted) else { return Ok(()) };
    Err(Broken::new(
        "Two clients share a number, or one is left out: who adds one, and when?",
    )
    .expected(format!("one of the twenty is greeted as number {missing}"))
    .received(format!("{got:?}")))
}

fn many(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for number in 1..=300 {
        greeted(&server, number).map_err(|broken| {
            let thought =
                "How large can a number of this type get, and what happens then?";
            broken.after(format!("Client {number} of 300:")).think(thought)
        })?;
    }
    Ok(())
}
