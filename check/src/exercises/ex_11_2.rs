//! 11.2: a server that counts the words of all clients together.

use crate::broken::Broken;
use crate::client::{Client, End, Got};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "11.2",
    title: "count words",
    lesson: "11_threaded_server",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "`?` is answered with the three words used most", test: three },
        Promise { name: "if there are fewer than three, with those", test: fewer },
        Promise { name: "The and the are one word", test: case },
        Promise {
            name: "where two are used as often, the alphabet decides",
            test: ties,
        },
        Promise { name: "all clients count together", test: together },
        Promise { name: "a last line without an end counts, too", test: unended },
        Promise { name: "a client that never reads keeps nobody waiting", test: deaf },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Silence if got.bytes.is_empty() => {
            "Only `?` is answered, with one line that ends in `\\n`."
        }
        End::Closed | End::Reset => {
            "Why does the server close? The client goes on talking."
        }
        _ => {
            "One line for `?`: the most used word first, each with its count, `the 6, sea 3, wind 2`."
        }
    }
}

fn three(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send("the sea the wind the sky\n").send("the sea the sea the wind\n");
    client.send("?\n").expect("the 6, sea 3, wind 2\n", think)?;
    client.send("wind wind\n?\n").expect("the 6, wind 4, sea 3\n", think)
}

fn fewer(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let nothing =
        "Before the first word, the answer is a line with nothing in it: `\\n`.";
    client.send("?\n").expect("\n", |_| nothing)?;
    client.send("one two one\n?\n").expect("one 2, two 1\n", think)
}

fn case(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send("The the THE Été été\n?\n").expect(
        "the 3, été 2\n",
        |_| "Words are counted in lower case, and É is a letter, too.",
    )
}

fn ties(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send("f e d c b a h g\n?\n").expect("a 1, b 1, c 1\n", |_| {
        "A `HashMap` has no order of its own, and another one in each run. Sort by the count, \
         and then by the word."
    })
}

fn together(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (mut ada, mut bob) = (Client::connect(&server)?, Client::connect(&server)?);
    ada.send("tea\n?\n").expect("tea 1\n", think)?;
    bob.send("tea\n?\n").expect("tea 2\n", |_| {
        "Each client has its own count: which field is everybody's, and which is this client's?"
    })?;
    drop(ada);
    bob.send("?\n")
        .expect("tea 2\n", |_| "What a client has said counts when it has left, too.")
}

fn unended(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = Client::connect(&server)?;
    ada.send("tea tea\ntea").end();
    ada.read(1); // until the server has heard all
    let mut bob = Client::connect(&server)?;
    bob.send("?\n").expect("tea 3\n", |_| {
        "Another client said \"tea tea\\ntea\" and closed: end of file ends a line as well."
    })
}

fn deaf(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut deaf = Client::connect(&server)?;
    let words = ["much".repeat(1000), "ado".repeat(1000), "more".repeat(1000)].join(" ");
    deaf.send(format!("{words}\n")).flood("?\n".repeat(500).as_bytes());
    let mut client = Client::connect(&server)?;
    client.send("tea ".repeat(2)).send("tea\n?\n");
    let answer = client.line();
    if answer.bytes.starts_with(b"tea 3") || answer.bytes.ends_with(b"\n") {
        return Ok(());
    }
    let thought = "You write while you hold the lock, so one client that doesn't read stops all. \
        Copy the words out, give the lock back, and write then.";
    Err(Broken::new(thought)
        .after("One client asks `?` again and again, and never reads. Another one:")
        .sent("\"tea tea tea\\n?\\n\"")
        .expected("an answer")
        .received(answer.to_string()))
}
