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
        Promise { name: "the reply to `?` is the three most used words", test: three },
        Promise {
            name: "if there are fewer than three words, the reply has those",
            test: fewer,
        },
        Promise { name: "The and the are one word", test: case },
        Promise {
            name: "words with equal counts come in alphabetical order",
            test: ties,
        },
        Promise { name: "all clients count together", test: together },
        Promise { name: "a last line without a newline counts, too", test: unended },
        Promise {
            name: "a client that never reads doesn't keep the others waiting",
            test: stalled,
        },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Silence if got.bytes.is_empty() => {
            "The server replies only to `?`, with one line that ends with `\\n`."
        }
        End::Closed | End::Reset => {
            "Why does the server close the connection? The client isn't done."
        }
        _ => {
            "The reply to `?` is one line, with the most used word first: `the 6, sea \
             3, wind 2`."
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
    let nothing = "Before the first word, the reply is an empty line: `\\n`.";
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
    client.send("f e d c b a h g\n?\n").expect(
        "a 1, b 1, c 1\n",
        |_| "A `HashMap` has no fixed order. Sort by the count, and then by the word.",
    )
}

fn together(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (mut ada, mut bob) = (Client::connect(&server)?, Client::connect(&server)?);
    ada.send("tea\n?\n").expect("tea 1\n", think)?;
    bob.send("tea\n?\n").expect("tea 2\n", |_| {
        "Each client has its own count. Which field do all clients share, and which is \
         this client's own?"
    })?;
    drop(ada);
    bob.send("?\n")
        .expect("tea 2\n", |_| "A client's words still count after it has left.")
}

fn unended(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = Client::connect(&server)?;
    ada.send("tea tea\ntea").end();
    ada.read(1); // until the server has read everything
    let mut bob = Client::connect(&server)?;
    bob.send("?\n").expect("tea 3\n", |_| {
        "Another client sent \"tea tea\\ntea\" and closed. End of file ends a line, too."
    })
}

fn stalled(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut stalled = Client::connect(&server)?;
    let words = ["much".repeat(1000), "ado".repeat(1000), "more".repeat(1000)].join(" ");
    stalled.send(format!("{words}\n")).flood("?\n".repeat(500).as_bytes());
    let mut client = Client::connect(&server)?;
    client.send("tea ".repeat(2)).send("tea\n?\n");
    let answer = client.line();
    if answer.bytes.starts_with(b"tea 3") || answer.bytes.ends_with(b"\n") {
        return Ok(());
    }
    let thought = "You write while you hold the lock, so one client that doesn't read \
        stops all the others. Copy the words out, free the lock, and only then write.";
    Err(Broken::new(thought)
        .after("One client asks `?` again and again, and never reads. Another one:")
        .sent("\"tea tea tea\\n?\\n\"")
        .expected("a reply")
        .received(answer.to_string()))
}
