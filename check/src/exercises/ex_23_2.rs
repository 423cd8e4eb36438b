//! 23.2: a time limit for each command.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use crate::broken::{Broken, shown};
use crate::client::{Client, End, Got};
use crate::program::Program;
use crate::{Begin, Exercise, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "23.2",
    title: "a time limit for each command",
    lesson: "23_your_own",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "commands work as before", test: words },
        Promise { name: "lines that are too long work as before, too", test: long },
        Promise {
            name: "a client that sends a command every two seconds can stay",
            test: slowly,
        },
        Promise {
            name: "after three seconds, a silent client gets an error and end of file",
            test: silent,
        },
        Promise { name: "so does a client that sends a byte now and then", test: drips },
        Promise { name: "half a command has no effect", test: half },
        Promise { name: "a client can read its replies later", test: waits },
    ],
};

/// The line for a client whose time is over.
const TOLD: &str = "ERROR this took too long\n";

/// Much longer than the three seconds, because a busy machine can be late.
const LIMIT: Duration = Duration::from_secs(7);

fn same(_: &Got) -> &'static str {
    "Only the time limit is new; everything else is as in the lesson."
}

fn words(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = Client::connect(&server)?;
    let mut bob = Client::connect(&server)?;
    ada.send("SET colour light blue\n").expect("OK\n", same)?;
    bob.send("GET colour\n").expect("OK light blue\n", same)?;
    bob.send("PUT colour\nCOUNT\n");
    let error = bob.line();
    if !error.bytes.starts_with(b"ERROR ") {
        return Err(Broken::new(same(&error))
            .sent("\"PUT colour\\n\"")
            .expected("a line that begins with \"ERROR\"")
            .received(error.to_string()));
    }
    bob.expect("OK 1\n", same)?;
    ada.send("SET colour red\nGET colour\n").end();
    ada.expect_last("OK\nOK red\n", same)?;
    bob.send("QUIT\n").expect_last("BYE\n", same)
}

fn long(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let line = "x".repeat(5000) + "\n";
    client.send(line).expect("ERROR the line is over 1024 bytes long\n", |_| {
        "The reply to a line that is too long is the same as in the lesson. Which errors are \
         about the line, and which are about the connection?"
    })?;
    client.send("COUNT\n").expect("OK 0\n", |_| {
        "After a line that was too long, the server reads the next one, as in the \
            lesson."
    })
}

fn slowly(program: &Program) -> Result<(), Broken> {
    one_of_three(|| try_slowly(program))
}

fn try_slowly(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let thought = "The three seconds are for one command, not for the whole \
        connection. When do they start again?";
    for number in 1..=3 {
        thread::sleep(Duration::from_secs(2));
        client.send("COUNT\n").expect("OK 0\n", |_| thought).map_err(|broken| {
            broken.after(format!("A command every two seconds. Command {number}:"))
        })?;
    }
    Ok(())
}

/// The client must be told that its time is over, at most `LIMIT` after `begin`, and then
/// read end of file.
fn is_told(
    client: &mut Client,
    begin: Instant,
    what: &str,
    thought: &str,
) -> Result<(), Broken> {
    let left = (begin + LIMIT).saturating_duration_since(Instant::now());
    let got = client.read_while(left, |bytes| bytes.len() < 200);
    let took = begin.elapsed();
    let (is_right, is_early) = (
        got.bytes == TOLD.as_bytes() && got.end == End::Closed,
        took.as_millis() < 2700,
    );
    let thought = match got.end {
        _ if is_right && !is_early => return Ok(()),
        _ if is_early => "The three seconds were not over. When do they start again?",
        End::Silence | End::Enough if got.bytes.starts_with(TOLD.as_bytes()) => {
            "The client was told that this took too long, so that was its last command. \
             What must the handler do after this line, so that the connection is closed?"
        }
        End::Closed | End::Reset if got.bytes.is_empty() => {
            "The client doesn't know why it was disconnected. Do you write the line, \
             and does the deadline apply to this write, too?"
        }
        End::Reset => {
            "A reset can destroy what the client hasn't read yet. How must the handler \
             end, so that the connection is closed without a reset?"
        }
        _ => thought,
    };
    let came = match (got.bytes.is_empty(), got.end) {
        (true, End::Silence) => "nothing".to_owned(),
        (_, End::Silence | End::Enough) => {
            format!("{}, and the connection is open", shown(&got.bytes))
        }
        _ => got.to_string(),
    };
    Err(Broken::new(thought)
        .sent(what)
        .expected(format!(
            "three seconds later: {}, then end of file",
            shown(TOLD.as_bytes())
        ))
        .received(format!("{came} ({:.1} seconds later)", took.as_secs_f64())))
}

const NEVER: &str = "Nothing limits the time for a line. `set_deadline` limits how \
    long reads can wait, so call it before each line.";

/// One client never sends a byte, and one has got a reply. They wait at the same time.
fn silent(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let connected = Instant::now();
    let mut silent = Client::connect(&server)?;
    let mut polite = Client::connect(&server)?;
    thread::sleep(Duration::from_millis(700));
    let answered = Instant::now(); // not before this
    polite.send("COUNT\n").expect("OK 0\n", same)?;
    is_told(&mut silent, connected, "nothing", NEVER)?;
    let what = "\"COUNT\\n\", and after the reply nothing";
    is_told(&mut polite, answered, what, NEVER)
}

fn drips(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let begin = Instant::now();
    let mut client = Client::connect(&server)?;
    // It reads meanwhile, and stops at the reply, because a later byte would cause a reset.
    let mut heard = false;
    while !heard && begin.elapsed() < LIMIT {
        client.send("x");
        heard = client.receives_within(Duration::from_millis(200));
    }
    let thought = "Each byte starts a new read, and `read_timeout` is for one read. \
        What limits all reads together?";
    is_told(&mut client, begin, "a byte every fifth of a second", thought)
}

/// Half of a command comes, and then the time is over, or the client is done.
fn half(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let (begin, half) = (Instant::now(), "SET price 12");
    let mut slow = Client::connect(&server)?;
    let mut done = Client::connect(&server)?;
    let mut other = Client::connect(&server)?;
    other.send("SET price 1299\n").expect("OK\n", same)?;
    slow.send(half);
    done.send(half).end();
    done.read_while(LIMIT, |bytes| bytes.len() < 200); // an ERROR, or nothing
    let thought = "Only a `\\n` makes a line a command. Without one, it might be only \
        half of a command, even if it looks complete.";
    let price = |client: &mut Client, what| {
        let right = client.send("GET price\n").expect("OK 1299\n", |_| thought);
        right.map_err(|broken| {
            broken.after(format!(
                "The price was 1299. A client sent \"{half}\", and {what}. Another one:"
            ))
        })
    };
    price(&mut other, "then end of file")?;
    is_told(&mut slow, begin, "\"SET price 12\", and nothing more", thought)?;
    price(&mut Client::connect(&server)?, "nothing more until its time was over")
}

const GETS: usize = 20_000;

fn waits(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let value = "v".repeat(1000);
    client.send(format!("SET k {value}\n")).expect("OK\n", same)?;
    let (Some(mut sender), Some(mut reader)) = (client.stream(), client.stream()) else {
        return Err(Broken::new(
            "This machine is out of sockets. That isn't your fault.",
        ));
    };
    // All of them together are more than the server can read before it must write.
    let _ = sender.set_write_timeout(Some(Duration::from_secs(30)));
    thread::spawn(move || sender.write_all("GET k\n".repeat(GETS).as_bytes()));
    thread::sleep(Duration::from_secs(5));

    let wanted = format!("OK {value}\n").repeat(GETS).into_bytes();
    let mut answers = Vec::new();
    let _ = reader.set_read_timeout(Some(LIMIT));
    let mut data = vec![0; 64 * 1024];
    while answers.len() < wanted.len() {
        match reader.read(&mut data) {
            Ok(count) if count > 0 => answers.extend_from_slice(&data[..count]),
            _ => break,
        }
    }
    if answers == wanted {
        return Ok(());
    }
    let right =
        answers.iter().zip(&wanted).take_while(|(one, other)| one == other).count();
    Err(Broken::new(
        "While your server waits to write, the client's time must not run, because it \
         has sent its commands. A deadline is for reads and for writes. When do you \
         remove it?",
    )
    .sent(format!("{GETS} times \"GET k\\n\", and nothing is read for five seconds"))
    .expected(format!("{} bytes: all replies", wanted.len()))
    .received(format!("{} bytes, and {right} of them are right", answers.len())))
}
