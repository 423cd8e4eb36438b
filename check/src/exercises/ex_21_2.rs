//! 21.2: a limited number of tasks.

use std::fs;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, Got};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "21.2",
    title: "tasks with a bound",
    lesson: "21_limits",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "without `--most`, eight clients are served", test: all },
        Promise { name: "with `--most 2`, the third client has to wait", test: waits },
        Promise { name: "when a client leaves, the next one is served", test: leaves },
        Promise { name: "when a connection is reset, too", test: resets },
        Promise { name: "after ten visits, there's still room for two", test: later },
    ],
};

fn serve(program: &Program) -> Result<Server<'_>, Broken> {
    program.serve(&["--kind", "tasks", "--most", "2"])
}

/// A client that is served.
fn served(server: &Server<'_>) -> Result<Client, Broken> {
    let mut client = Client::connect(server)?;
    client.send(b"Hello").expect(
        b"Hello",
        |_| "There is room for this client, so what it sends comes back.",
    )?;
    Ok(client)
}

/// A client that isn't served yet, but has asked.
fn waiting(server: &Server<'_>) -> Result<Client, Broken> {
    let mut client = Client::connect(server)?;
    client.send(b"me too");
    if client.receives_within(Duration::from_millis(500)) {
        return Err(Broken::new(
            "Two clients are there, and `--most 2` allows no more. The next one isn't \
             rejected: it waits, unanswered, until there's room.",
        )
        .sent(
            "serve --kind tasks --most 2; two clients stay, and a third sends `me too`",
        )
        .expected("nothing, and the connection stays open")
        .received("something came, or the connection ended"));
    }
    Ok(client)
}

/// The waiting client's turn.
fn is_served(client: &mut Client, thought: &'static str) -> Result<(), Broken> {
    client.expect(b"me too", |_: &Got| thought)
}

fn all(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&["--kind", "tasks"])?;
    let _all = (0..8).map(|_| served(&server)).collect::<Result<Vec<_>, _>>()?;
    Ok(())
}

fn waits(program: &Program) -> Result<(), Broken> {
    let server = serve(program)?;
    let _two = [served(&server)?, served(&server)?];
    let before = descriptors(&server);
    let _crowd =
        (0..20).map(|_| Client::connect(&server)).collect::<Result<Vec<_>, _>>()?;
    let _third = waiting(&server)?;
    match (before, descriptors(&server)) {
        (Some(before), Some(after)) if after >= before + 10 => Err(Broken::new(
            "Your server accepts every client, and only then lets it wait. So the limit \
             limits neither its sockets nor its tasks. Wait for room before `accept`.",
        )
        .sent("serve --kind tasks --most 2; two clients stay, and 21 more connect")
        .expected("the 21 wait in the queue of the system")
        .received(format!(
            "your server has {} more sockets than before",
            after - before
        ))),
        _ => Ok(()),
    }
}

/// How many files and sockets a server has open, if this is Linux.
fn descriptors(server: &Server<'_>) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{}/fd", server.pid())).ok()?.count())
}

fn leaves(program: &Program) -> Result<(), Broken> {
    let server = serve(program)?;
    let (_stays, leaves) = (served(&server)?, served(&server)?);
    let mut next = waiting(&server)?;
    drop(leaves);
    is_served(&mut next, "A client has left, so there's room. Who gives its place back?")
}

fn resets(program: &Program) -> Result<(), Broken> {
    let server = serve(program)?;
    let (_stays, mut resets) = (served(&server)?, served(&server)?);
    let mut next = waiting(&server)?;
    resets.send(b"unread");
    resets.reset();
    is_served(
        &mut next,
        "An `Err` ends a task as well. Is the place given back on every way out?",
    )
}

fn later(program: &Program) -> Result<(), Broken> {
    let server = serve(program)?;
    for _ in 0..10 {
        drop(served(&server)?);
    }
    let _two = [served(&server)?, served(&server)?];
    waiting(&server).map(drop)
}
