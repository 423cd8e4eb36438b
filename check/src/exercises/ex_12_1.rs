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
            name: "the first datagram is not answered, the second is",
            test: second,
        },
        Promise { name: "all later ones are, too", test: later },
        Promise { name: "each address has its own first datagram", test: each },
        Promise { name: "an empty datagram counts", test: empty },
    ],
};

/// A moment in which a wrong answer would come.
const MOMENT: Duration = Duration::from_millis(300);

/// Sends something, and sees that no answer comes.
fn unanswered(peer: &Peer, data: &str) -> Result<(), Broken> {
    let Some(got) = peer.send(data).receive(MOMENT) else { return Ok(()) };
    Err(Broken::new("The first datagram of an address gets no answer.")
        .sent(format!("{data:?}, the first from this address"))
        .expected("no answer")
        .received(shown(&got)))
}

fn answered(peer: &Peer, data: &str) -> Result<(), Broken> {
    peer.expect(data, data.to_uppercase(), |_| {
        "This was not the first datagram of this address. Each datagram has its own clone of \
         the handler: what do the clones share?"
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
        answered(&peer, data)
            .map_err(|broken| broken.think("Not every other one: all but the first."))
    })
}

fn each(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (ada, bob) = (Peer::new(&server)?, Peer::new(&server)?);
    unanswered(&ada, "ada")?;
    unanswered(&bob, "bob").map_err(|broken| {
        broken
            .after("Another address had sent one before.")
            .think("One `bool` for everybody isn't enough: whose first datagram is it?")
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
