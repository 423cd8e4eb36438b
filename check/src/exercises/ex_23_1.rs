//! 23.1: values of any bytes.

use crate::broken::{Broken, count, shown};
use crate::client::{Client, End, PATIENCE};
use crate::program::{Program, Server};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "23.1",
    title: "values of any bytes",
    lesson: "23_your_own",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "a message is a length, and then that many bytes", test: words },
        Promise { name: "a value can be any bytes, or none", test: values },
        Promise { name: "it doesn't matter how the bytes arrive", test: pieces },
        Promise {
            name: "the reply to a bad command is an error, and the next one is read",
            test: errors,
        },
        Promise { name: "a message can have 1024 bytes", test: full },
        Promise {
            name: "a longer one is rejected at once, and the connection closed",
            test: too_long,
        },
        Promise {
            name: "a client that closes its half gets all replies, and no reset",
            test: ended,
        },
        Promise {
            name: "a command that isn't complete has no effect",
            test: broken_off,
        },
    ],
};

/// A message: its length, and then its bytes.
fn message(bytes: &[u8]) -> Vec<u8> {
    let length = bytes.len() as u32;
    [&length.to_be_bytes(), bytes].concat()
}

fn messages(commands: &[&[u8]]) -> Vec<u8> {
    commands.iter().flat_map(|command| message(command)).collect()
}

/// A message in words, for a learner.
fn in_words(bytes: &[u8]) -> String {
    format!("a message of {}: {}", count(bytes), shown(bytes))
}

/// What a reply must be.
enum Wanted<'a> {
    Exactly(&'a [u8]),
    Error,
}

impl Wanted<'_> {
    fn is(&self, answer: &[u8]) -> bool {
        match self {
            Self::Exactly(wanted) => answer == *wanted,
            Self::Error => answer.starts_with(b"ERROR"),
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Exactly(wanted) => in_words(wanted),
            Self::Error => "a message that begins with \"ERROR\"".to_owned(),
        }
    }
}

/// Reads one message. The error says what came instead.
fn receive(client: &mut Client) -> Result<Vec<u8>, String> {
    let head = client.read(4);
    let Ok(length) = <[u8; 4]>::try_from(&head.bytes[..]) else {
        return Err(head.to_string());
    };
    let length = u32::from_be_bytes(length);
    if length > 10_000 {
        return Err(format!(
            "{} where the length of the reply should be, which means {length}",
            shown(&head.bytes)
        ));
    }
    let body = client.read(length as usize);
    match body.bytes.len() == length as usize {
        true => Ok(body.bytes),
        false => Err(format!("the length {length}, and then {body}")),
    }
}

/// Expects this reply next.
fn expect(
    client: &mut Client,
    sent: &str,
    wanted: &Wanted<'_>,
    thought: &str,
) -> Result<(), Broken> {
    let received = match receive(client) {
        Ok(answer) if wanted.is(&answer) => return Ok(()),
        Ok(answer) => in_words(&answer),
        Err(received) => received,
    };
    Err(Broken::new(thought).sent(sent).expected(wanted.in_words()).received(received))
}

/// Sends a command, and expects this reply.
fn ask(
    client: &mut Client,
    command: &[u8],
    answer: &[u8],
    thought: &str,
) -> Result<(), Broken> {
    client.send(message(command));
    expect(client, &in_words(command), &Wanted::Exactly(answer), thought)
}

/// Expects end of file.
fn closes(client: &mut Client, sent: &str, thought: &str) -> Result<(), Broken> {
    let got = client.read_while(PATIENCE, |bytes| bytes.len() < 100);
    if got.bytes.is_empty() && got.end == End::Closed {
        return Ok(());
    }
    Err(Broken::new(thought)
        .sent(sent)
        .expected("end of file, and nothing before it")
        .received(got.to_string()))
}

const COMPARE: &str = "Four bytes are the length of what follows them, the most \
    significant one first. What follows is the reply of the lesson, without a \
    newline.";

fn words(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut ada = Client::connect(&server)?;
    let mut bob = Client::connect(&server)?;
    ask(&mut ada, b"SET colour blue", b"OK", COMPARE)?;
    ask(&mut bob, b"GET colour", b"OK blue", COMPARE)?;
    ask(&mut bob, b"SET size 7", b"OK", COMPARE)?;
    ask(&mut ada, b"COUNT", b"OK 2", COMPARE)?;
    ask(&mut ada, b"DEL colour", b"OK", COMPARE)?;
    ask(&mut bob, b"DEL colour", b"NONE", COMPARE)?;
    ask(&mut bob, b"GET colour", b"NONE", COMPARE)?;
    ask(&mut ada, b"COUNT", b"OK 1", COMPARE)?;
    ask(&mut ada, b"QUIT", b"BYE", COMPARE)?;
    closes(&mut ada, "QUIT, and BYE has come", "After BYE, the server closes.")
}

fn values(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let thought = "The value is everything after the second space, unchanged. It \
        doesn't have to be text.";
    let every_byte: Vec<u8> = (0..=255).collect();
    let values: [&[u8]; 7] = [
        b"one\ntwo\n",
        b" two  spaces ",
        b"\r\n",
        b"\0\0",
        b"\xff\xfe",
        &every_byte,
        b"",
    ];
    for value in values {
        ask(&mut client, &[b"SET k ", value].concat(), b"OK", thought)?;
        ask(&mut client, b"GET k", &[b"OK ", value].concat(), thought).map_err(
            |broken| {
                broken.after(format!("The value that was set is {}.", shown(value)))
            },
        )?;
    }
    Ok(())
}

fn pieces(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send(messages(&[b"SET a 1", b"SET b 22", b"GET a"]));
    for (wanted, number) in
        [(&b"OK"[..], "first"), (b"OK", "second"), (b"OK 1", "third")]
    {
        let sent =
            format!("SET a 1, SET b 22 and GET a in one write; the {number} reply:");
        let thought = "One read can return more than one message. Read four bytes, \
            then as many as they say, and leave the rest for the next turn.";
        expect(&mut client, &sent, &Wanted::Exactly(wanted), thought)?;
    }
    let bytes = message(b"GET b");
    client.send_in_pieces(&bytes.chunks(1).collect::<Vec<_>>());
    let thought = "One read can return less than a message, and even less than a \
        length. Which call reads until all bytes are there?";
    let sent = "GET b, each byte in a write of its own";
    expect(&mut client, sent, &Wanted::Exactly(b"OK 22"), thought)
}

fn errors(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let strange: &[&[u8]] = &[
        b"PUT colour red",
        b"get colour",
        b"SET colour",
        b"SET",
        b"GET",
        b"GET colour red",
        b"DEL colour red",
        b"COUNT all",
        b"QUIT now",
        b"\xff\xfe",
        b"",
    ];
    for command in strange {
        client.send(message(command));
        let thought = "This isn't a command, and the client must find out. A message \
            of length 0 is a message, too; end of file is something else.";
        expect(&mut client, &in_words(command), &Wanted::Error, thought)?;
        ask(
            &mut client,
            b"COUNT",
            b"OK 0",
            "After an error, the server reads the next message.",
        )
        .map_err(|broken| {
            broken.after(format!("ERROR had come after {}.", in_words(command)))
        })?;
    }
    Ok(())
}

fn full(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    let value = [b'v'; 1024 - 6];
    let thought = "The message has 1024 bytes, which is allowed, because the four \
        bytes of the length don't count.";
    ask(&mut client, &[b"SET k ", &value[..]].concat(), b"OK", thought)?;
    ask(&mut client, b"GET k", &[b"OK ", &value[..]].concat(), thought)
}

fn too_long(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    for (length, more) in [(1025_u32, 0), (4_000_000_000, 0), (4_000_000_000, 3000)] {
        let mut client = Client::connect(&server)?;
        client.send([&length.to_be_bytes()[..], &vec![b'x'; more]].concat());
        let sent = format!("the length {length}, and {more} bytes after it");
        let thought = "The length is enough to know that the message is too long. If \
            you wait for its bytes, a client that sends none of them can stay \
            forever.";
        expect(&mut client, &sent, &Wanted::Error, thought)?;
        let sent = format!("{sent}; ERROR has come");
        let thought = "You can't know where the next message begins. So close the connection \
            without a reset: the client reads end of file.";
        closes(&mut client, &sent, thought)?;
    }
    alive(&server)
}

/// A new client is served.
fn alive(server: &Server<'_>) -> Result<(), Broken> {
    let thought = "One client's mistake must not stop the server for the others.";
    ask(&mut Client::connect(server)?, b"GET nothing", b"NONE", thought)
}

fn ended(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    client.send(messages(&[b"SET a 1", b"GET a"])).end();
    let sent = "SET a 1, GET a, then end of file";
    let thought = "A client that has sent its last message still waits for its replies.";
    expect(&mut client, sent, &Wanted::Exactly(b"OK"), thought)?;
    expect(&mut client, sent, &Wanted::Exactly(b"OK 1"), thought)?;
    let thought = "End of file between two messages isn't an error: the client is done. What \
        does your handler return then, and what does `?` do with `UnexpectedEof`?";
    closes(&mut client, &format!("{sent}; both replies have come"), thought)
}

fn broken_off(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    ask(&mut Client::connect(&server)?, b"SET price 1299", b"OK", COMPARE)?;
    let whole = message(b"SET price 1250");
    let thought = "The message should have 14 bytes, but some are missing. So it isn't \
        a command, even if it looks like one.";
    let parts = [
        (2, "half of a length"),
        (4, "the length 14"),
        (whole.len() - 2, "the length 14, \"SET price 12\""),
    ];
    for (part, sent) in parts {
        let mut client = Client::connect(&server)?;
        client.send(&whole[..part]).end();
        let got = client.read_while(PATIENCE, |bytes| bytes.len() < 100);
        let sent = format!("{sent}, then end of file");
        if !got.bytes.is_empty() || got.end == End::Silence {
            return Err(Broken::new(thought)
                .sent(sent)
                .expected("no reply, and the server closes")
                .received(got.to_string()));
        }
        ask(&mut Client::connect(&server)?, b"GET price", b"OK 1299", thought).map_err(
            |broken| {
                broken.after(format!(
                    "The price was 1299. A client sent {sent}. Another one:"
                ))
            },
        )?;
    }
    Ok(())
}
