//! 03.1: a datagram that is too long is not truncated.

use crate::broken::Broken;
use crate::client::Peer;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "03.1",
    title: "too long for the buffer",
    lesson: "03_udp",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "a short line is answered", test: short },
        Promise { name: "an empty datagram is answered, too", test: empty },
        Promise { name: "80 bytes aren't too long", test: longest },
        Promise { name: "81 bytes are, and the reply says so", test: too_long },
        Promise { name: "so are 2000 bytes and 60,000", test: much_too_long },
        Promise { name: "after that, the next one is answered as before", test: next },
    ],
};

/// Sends this many bytes, and expects them back, or the complaint.
fn sends(peer: &Peer, count: usize) -> Result<(), Broken> {
    let data = vec![b'x'; count];
    let answer =
        if count > 80 { b"too long".to_vec() } else { [b"OK...", &data[..]].concat() };
    peer.expect(&data, &answer, |got| match got {
        None => "No reply came. Did an error end the server, or only this one reply?",
        Some(b"too long") => "80 is allowed. A full buffer of 80 bytes doesn't mean that there was more.",
        Some(got) if got.len() == 85 => {
            "The end was cut off, and nothing reported it. How can you tell 80 bytes from the \
             first 80 of more?"
        }
        Some(got) if got.starts_with(b"OK...") => "More than 80 bytes are too long.",
        Some(_) => "Compare the two letter by letter.",
    })
}

fn short(program: &Program) -> Result<(), Broken> {
    sends(&Peer::new(&program.serve(&[])?)?, 12)
}

fn empty(program: &Program) -> Result<(), Broken> {
    sends(&Peer::new(&program.serve(&[])?)?, 0)
}

fn longest(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let peer = Peer::new(&server)?;
    [79, 80].iter().try_for_each(|count| sends(&peer, *count))
}

fn too_long(program: &Program) -> Result<(), Broken> {
    sends(&Peer::new(&program.serve(&[])?)?, 81)
}

fn much_too_long(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let peer = Peer::new(&server)?;
    [2000, 60_000].iter().try_for_each(|count| sends(&peer, *count))
}

fn next(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (one, other) = (Peer::new(&server)?, Peer::new(&server)?);
    sends(&one, 500)?;
    sends(&other, 5)?;
    sends(&one, 5)
}
