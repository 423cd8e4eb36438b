//! 21.1: a task gives its work to another thread.

use std::thread;
use std::time::{Duration, Instant};

use crate::broken::Broken;
use crate::client::{Client, Got, PATIENCE};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "21.1",
    title: "a task hands over its work",
    lesson: "21_limits",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "what a client sends comes back, after work, too", test: echo },
        Promise {
            name: "while a client's work goes on, the others are served",
            test: meanwhile,
        },
        Promise {
            name: "twenty clients' work goes on at the same time",
            test: together,
        },
        Promise {
            name: "a client's replies come in the order it asked",
            test: in_order,
        },
    ],
};

fn serve<'a>(program: &'a Program, work: &str) -> Result<Server<'a>, Broken> {
    program.serve(&["--kind", "tasks", "--work", work])
}

fn think(_: &Got) -> &'static str {
    "What a client sends comes back unchanged, whichever thread does the work."
}

fn echo(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "50")?;
    let mut client = Client::connect(&server)?;
    client.send(b"Hello").expect(b"Hello", think)?;
    client.send(b"!work").expect(b"!work", think)?;
    client.send(b"again").expect(b"again", think)?;
    after_work(program)
}

/// A sleep is never shorter than asked for, so an earlier reply didn't wait for it.
fn after_work(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "500")?;
    let mut client = Client::connect(&server)?;
    let begin = Instant::now();
    client.send(b"!work").expect(b"!work", think)?;
    let took = begin.elapsed();
    if took >= Duration::from_millis(500) {
        return Ok(());
    }
    Err(Broken::new(
        "The reply came before the work was done. Whichever thread does the work, this \
         client's task has to wait for it: what do you `.await`?",
    )
    .sent("serve --kind tasks --work 500; a client sends `!work`")
    .expected("a reply after 500 ms of work")
    .received(format!("the reply after {} ms", took.as_millis())))
}

fn meanwhile(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "2000")?;
    let mut other = Client::connect(&server)?;
    other.send(b"Hello").expect(b"Hello", think)?;
    let mut works = Client::connect(&server)?;
    works.send(b"!");
    // The work has begun at the latest when something is sent after a while.
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(100));
        other.send(b"meanwhile").expect(b"meanwhile", think)?;
    }
    if works.receives_within(Duration::from_millis(1)) {
        return Err(Broken::new(
            "The work keeps the one thread busy that runs all tasks. Which of tokio's functions \
             takes a closure to another thread?",
        )
        .sent("serve --kind tasks --work 2000; one client sends `!`, another `meanwhile`")
        .expected("the second client is answered while the work goes on")
        .received("it was answered only when the work was done"));
    }
    works.expect(b"!", think)
}

fn together(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "500")?; // one after the other: 10 s, longer than we wait
    let mut all =
        (0..20).map(|_| Client::connect(&server)).collect::<Result<Vec<_>, _>>()?;
    for client in &mut all {
        client.send(b"!");
    }
    let until = Instant::now() + PATIENCE; // for all of them together
    for (number, client) in all.iter_mut().enumerate() {
        let left = until.saturating_duration_since(Instant::now());
        if !client.receives_within(left.max(Duration::from_millis(1))) {
            return Err(Broken::new(
                "The work of one client waits for that of another. How many threads do the \
                 work?",
            )
            .sent("serve --kind tasks --work 500; twenty clients send `!` at once")
            .expected("twenty replies within four seconds")
            .received(format!("{number} replies")));
        }
        client.expect(b"!", think)?;
    }
    Ok(())
}

fn in_order(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "1000")?;
    let mut client = Client::connect(&server)?;
    client.send_in_pieces(&[b"!first", b"second"]);
    client.expect(b"!firstsecond", |_| {
        "This client's second request came back before the first. Wait for the work before \
         you read on: `.await` lets the others go on, but not this task."
    })
}
