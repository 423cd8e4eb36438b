//! 12.2: one type, TCP and UDP, one port number.

use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, Peer};
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "12.2",
    title: "TCP and UDP in one program",
    lesson: "12_threaded_udp",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "a datagram comes back in upper case", test: datagram },
        Promise { name: "so does text over TCP, on the same port number", test: stream },
        Promise { name: "TCP and UDP work at the same time", test: both },
        Promise { name: "one Ctrl-C ends both servers, and the program", test: one_end },
    ],
};

fn datagram(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    Peer::new(&server)?.expect(b" Hello, world\n", b"HELLO, WORLD", |got| match got {
        None => "Is your UDP socket bound to the port that you print?",
        Some(_) => "As in the lesson: upper case, and no white space at either end.",
    })
}

fn stream(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server).map_err(|broken| {
        broken.think(
            "No TCP server listens on the port that you print. With `--addr \
             127.0.0.1:0`, each bind gets a different port, so bind the second one to \
             the port of the first one.",
        )
    })?;
    client.send(b"Hello, world\n").expect(
        b"HELLO, WORLD\n",
        |_| "As in lesson 11: each read comes back in upper case.",
    )
}

fn both(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let peer = Peer::new(&server)?;
    let thought =
        |_: Option<&[u8]>| "While a TCP client is connected, UDP must still work.";
    peer.expect(b"one", b"ONE", thought)?;
    client
        .send(b"two")
        .expect(b"TWO", |_| "When datagrams come in between, TCP must still work.")?;
    peer.expect(b"three", b"THREE", thought)
}

fn one_end(program: &Program) -> Result<(), Broken> {
    let mut server = program.serve(&[])?;
    if !server.interrupt() {
        return Ok(()); // this system has no such signal
    }
    let ended = server.end(Duration::from_secs(4));
    if ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    Err(Broken::new("Both servers must stop at Ctrl-C, and `main` must wait for both.")
        .sent("Ctrl-C (an interrupt)")
        .expected("the program ends, with exit status 0")
        .received(
            ended.map_or("it still ran after four seconds".to_owned(), |it| {
                it.to_string()
            }),
        ))
}
