//! 18.2: disconnect silent clients.

use std::fs;
use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::client::{Client, End, Got, PATIENCE};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "18.2",
    title: "disconnect silent clients",
    lesson: "18_select",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "what a client sends comes back", test: echo },
        Promise {
            name: "a silent client is disconnected, even if nothing else happens",
            test: silent,
        },
        Promise { name: "a client that goes on talking can stay", test: talks },
        Promise {
            name: "a client that talks doesn't give a silent one more time",
            test: beside,
        },
        Promise {
            name: "each silent client is disconnected at its own time",
            test: each,
        },
        Promise {
            name: "a client that never reads counts as silent, too",
            test: stalled,
        },
        Promise { name: "the server sleeps while it waits", test: sleeps },
    ],
};

fn think(got: &Got) -> &'static str {
    match got.end {
        End::Closed | End::Reset => {
            "This client wasn't silent for that long. When did it last send something, \
             and where do you note that?"
        }
        _ => "What a client sends comes back unchanged.",
    }
}

fn serve<'a>(program: &'a Program, idle: &str) -> Result<Server<'a>, Broken> {
    program.serve(&["--idle", idle])
}

/// The connection must end by itself.
fn is_sent_away(client: &mut Client, what: &str, thought: &str) -> Result<(), Broken> {
    let got = client.read_while(PATIENCE, |_| true);
    if got.end != End::Silence {
        return Ok(());
    }
    Err(Broken::new(thought)
        .sent(format!("serve with --idle; {what}"))
        .expected("the server closes the connection")
        .received(got.to_string()))
}

const ASLEEP: &str = "Nothing wakes the server. How long can `poll` sleep, if a \
    client's time is over in half a second?";

fn echo(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "5000")?;
    let mut client = Client::connect(&server)?;
    client.send(b"Hello").expect(b"Hello", think)?;
    client.send(b"again").expect(b"again", think)
}

fn silent(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "500")?;
    is_sent_away(&mut Client::connect(&server)?, "the client says nothing", ASLEEP)?;
    let mut client = Client::connect(&server)?;
    client.send(b"Hello").expect(b"Hello", think)?;
    is_sent_away(&mut client, "the client says Hello, and then nothing", ASLEEP)
}

fn each(program: &Program) -> Result<(), Broken> {
    one_of_three(|| two(program))
}

/// The first one's time is over 600 ms before the second one's.
fn two(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "1000")?;
    let mut first = Client::connect(&server)?;
    thread::sleep(Duration::from_millis(600));
    let mut second = Client::connect(&server)?;
    let thought = "Which of the clients does the timeout of `poll` wait for?";
    is_sent_away(&mut first, "two clients say nothing", thought)?;
    let still_here = second.send(b"Hello").expect(b"Hello", |_| {
        "The second client came later, so it has more time left. Which clients do you \
         disconnect?"
    });
    still_here.map_err(|broken| {
        broken.after(
            "serve --idle 1000; the first client was disconnected, the second \
            came 600 ms later:",
        )
    })?;
    is_sent_away(&mut second, "two clients say nothing", thought)
}

/// Sends something every fifth of a second, for longer than a silent client can stay.
fn goes_on_talking(client: &mut Client) -> Result<(), Broken> {
    for _ in 0..9 {
        client.send(b"Hello").expect(b"Hello", think)?;
        thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn talks(program: &Program) -> Result<(), Broken> {
    one_of_three(|| talk(program))
}

fn talk(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "1500")?;
    goes_on_talking(&mut Client::connect(&server)?).map_err(|broken| {
        broken.after("serve --idle 1500; a client says Hello every fifth of a second.")
    })
}

fn beside(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "500")?;
    let mut silent = Client::connect(&server)?;
    let mut talker = Client::connect(&server)?;
    let stream = talker.stream();
    let chatter = thread::spawn(move || {
        use std::io::Write;
        let Some(mut stream) = stream else { return };
        for _ in 0..60 {
            if stream.write_all(b"x").is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    let thought = "`poll` returns early whenever the other client talks. Look for overdue \
        clients after every turn, not only when the timeout is over.";
    let what = "one client talks all the time, another says nothing";
    let outcome = is_sent_away(&mut silent, what, thought);
    talker.end();
    drop(talker);
    let _ = chatter.join();
    outcome
}

fn stalled(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "500")?;
    let mut stalled = Client::connect(&server)?;
    stalled.flood(&[b'x'; 64 * 1024]);
    // On a busy machine, the server might need more than a moment to read all that fits.
    for _ in 0..3 {
        thread::sleep(Duration::from_millis(700));
        if stalled.is_closed() {
            return Ok(());
        }
    }
    Err(Broken::new(
        "You stopped reading from this client, because it doesn't read. So its bytes \
         no longer arrive, and you must disconnect it like any silent client.",
    )
    .sent("serve --idle 500; a client sends as much as it can, and reads nothing")
    .expected("the server closes the connection")
    .received("it is still open two seconds after the last byte that could be sent"))
}

fn sleeps(program: &Program) -> Result<(), Broken> {
    let server = serve(program, "30000")?;
    for clients in 0..2 {
        let _client = (clients > 0).then(|| Client::connect(&server)).transpose()?;
        thread::sleep(Duration::from_millis(300));
        let mut awake = 0;
        for _ in 0..20 {
            thread::sleep(Duration::from_millis(15));
            awake += usize::from(is_awake(server.pid()));
        }
        if awake > 10 {
            return Err(Broken::new(
                "It asks again and again. A timeout of zero means `don't wait`; \
                 without clients, there is only the listener to wait for.",
            )
            .sent(format!(
                "serve --idle 30000, with {clients} client(s) that say nothing"
            ))
            .expected("it sleeps")
            .received(format!("looked at 20 times, it was awake {awake} times")));
        }
    }
    Ok(())
}

/// Whether a process runs or wants to run, if this is Linux. (How much processor time it
/// gets depends on what else the machine does.)
fn is_awake(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('R'))
}
