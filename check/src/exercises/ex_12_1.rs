//! 12.1: answer only from the second datagram on.

use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::client::{PATIENCE, Peer};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "12.1",
    title: "remember an address",
    lesson: "12_threaded_udp",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "the first datagram gets no reply, but the second does",
            test: second,
        },
        Promise { name: "all later datagrams get a reply, too", test: later },
        Promise { name: "each address has its own first datagram", test: each },
        Promise { name: "an empty datagram counts", test: empty },
    ],
};

/// Long enough for a wrong reply to come.
const MOMENT: Duration = Duration::from_millis(300);

/// Sends something, and checks that no reply comes.
fn unanswered(peer: &Peer, data: &str) -> Result<(), Broken> {
    let Some(got) = peer.send(data).receive(MOMENT) else { return Ok(()) };
    Err(Broken::new("The first datagram from an address gets no reply.")
        .sent(format!("{data:?}, the first from this address"))
        .expected("no reply")
        .received(shown(&got)))
}

fn answered(peer: &Peer, data: &str) -> Result<(), Broken> {
    peer.expect(data, data.to_uppercase(), |_| {
        "This was not the first datagram from this address. Each datagram gets its own clone \
         of the handler. What do the clones share?"
    })
}

fn second(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let peer = Peer::new(&server)?;
    unanswered(&peer, "one")?;
    answered(&peer, "two")
}

fn later(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let peer = Peer::new(&server)?;
    unanswered(&peer, "one")?;
    ["two", "three", "four"].iter().try_for_each(|data| {
        answered(&peer, data).map_err(|broken| {
            broken
                .think("Reply to all datagrams but the first, not to every second one.")
        })
    })
}

fn each(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (ada, bob) = (Peer::new(&server)?, Peer::new(&server)?);
    unanswered(&ada, "ada")?;
    unanswered(&bob, "bob").map_err(|broken| {
        broken.after("Another address had already sent one.").think(
            "One `bool` for all addresses isn't enough. Whose first datagram is it?",
        )
    })?;
    answered(&bob, "bob again")?;
    answered(&ada, "ada again")
}

fn empty(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let peer = Peer::new(&server)?;
    unanswered(&peer, "")?;
    let answer = peer.send("two").receive(PATIENCE);
    if answer.as_deref() == Some(b"TWO") {
        return Ok(());
    }
    Err(Broken::new("An empty datagram is a datagram.")
        .sent("\"\", then \"two\"")
        .expected("\"TWO\"")
        .received(
            answer.as_deref().map_or("nothing for four seconds".to_owned(), shown),
        ))
}
