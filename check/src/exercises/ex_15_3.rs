//! 15.3: a bot of your own.

use std::io::Write;
use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::client::{Client, End, Got, PATIENCE, Peer};
use crate::program::Server;
use crate::{Begin, Exercise, Program, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "15.3",
    title: "a bot of your own",
    lesson: "15_support_bot",
    begin: Begin::Empty,
    promises: &[
        Promise { name: "on TCP, the bot speaks first", test: first },
        Promise { name: "each customer has a dialogue of its own", test: own },
        Promise {
            name: "banana is nonsense: the bot says so, and waits again",
            test: nonsense,
        },
        Promise {
            name: "10 MB without a newline don't disturb the others",
            test: endless,
        },
        Promise {
            name: "bytes that are not text don't disturb the others",
            test: not_text,
        },
        Promise {
            name: "on UDP, on the same port, the first datagram opens the dialogue",
            test: udp,
        },
        Promise {
            name: "on UDP, each address has a dialogue of its own",
            test: addresses,
        },
        Promise { name: "Ctrl-C ends a dialogue, and the program", test: end },
    ],
};

/// What the bot says, up to a pause.
fn says(client: &mut Client) -> Got {
    let mut got = client.read(1);
    let more = client.read_while(Duration::from_millis(200), |_| true);
    got.bytes.extend(more.bytes);
    got.end = more.end;
    got
}

/// The first question.
fn opening(server: &Server<'_>) -> Result<Vec<u8>, Broken> {
    let got = says(&mut Client::connect(server)?);
    if got.bytes.len() > 5 && got.end == End::Silence {
        return Ok(got.bytes);
    }
    Err(Broken::new(
        "A customer connects and sends nothing. The bot must ask its first question.",
    )
    .expected("a question, and an open connection")
    .received(got.to_string()))
}

/// A new customer gets the first question, whatever another one did.
fn goes_on(
    server: &Server<'_>,
    question: &[u8],
    after: &str,
    thought: &str,
) -> Result<(), Broken> {
    let got = says(&mut Client::connect(server)?);
    if got.bytes == question {
        return Ok(());
    }
    Err(Broken::new(thought)
        .after(format!("{after} Then a new customer:"))
        .expected(shown(question))
        .received(got.to_string()))
}

fn first(program: &Program) -> Result<(), Broken> {
    opening(&program.serve(&[])?).map(drop)
}

fn own(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let question = opening(&server)?;
    let mut ada = Client::connect(&server)?;
    says(&mut ada);
    let thought = "Where is the state: in the handler's own field, or in something that all \
        handlers share? And does one customer wait for another?";
    goes_on(
        &server,
        &question,
        "One customer is in the middle of a dialogue.",
        thought,
    )?;
    ada.send("yes\n");
    says(&mut ada);
    goes_on(&server, &question, "One customer has given an answer.", thought)
}

fn nonsense(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    says(&mut client);
    for _ in 0..2 {
        client.send("banana\n");
        let got = says(&mut client);
        if got.bytes.is_empty() || got.end != End::Silence {
            return Err(Broken::new(
                "An answer that matches nothing doesn't end the dialogue. The bot asks \
                 again.",
            )
            .sent("\"banana\\n\"")
            .expected("some words, and an open connection")
            .received(got.to_string()));
        }
    }
    Ok(())
}

fn endless(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let question = opening(&server)?;
    let odd = Client::connect(&server)?;
    if let Some(mut stream) = odd.stream() {
        let _ = stream.set_write_timeout(Some(Duration::from_millis(300)));
        let _ = stream.write_all(&vec![b'x'; 10_000_000]); // as much as the bot takes
    }
    let thought = "Whatever one customer sends, the others must get their replies.";
    goes_on(&server, &question, "One customer sent 10 MB without a newline.", thought)
}

fn not_text(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let question = opening(&server)?;
    let mut odd = Client::connect(&server)?;
    says(&mut odd);
    odd.send(b"\xff\xfe\n");
    says(&mut odd);
    let thought = "Whatever one customer sends, the others must get their replies.";
    goes_on(
        &server,
        &question,
        "One customer sent ff fe 0a, which is not UTF-8.",
        thought,
    )?;
    let peer = Peer::new(&server)?;
    peer.send(b"\xff\xfe").receive(PATIENCE);
    goes_on(&server, &question, "A datagram came, ff fe, which is not UTF-8.", thought)
}

/// What the bot says to a datagram.
fn datagram(peer: &Peer, sent: &str, thought: &str) -> Result<Vec<u8>, Broken> {
    peer.send(sent).receive(PATIENCE).filter(|it| !it.is_empty()).ok_or_else(|| {
        Broken::new(thought)
            .sent(format!("{sent:?}, a datagram"))
            .expected("a reply")
            .received("nothing for four seconds")
    })
}

const NO_UDP: &str = "Is your UDP server bound to the port that you print? With port \
    0, each bind gets a different port, so bind the second server to the port of the \
    first one.";

fn udp(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let question = opening(&server)?;
    let got = datagram(&Peer::new(&server)?, "hello", NO_UDP)?;
    if got == question {
        return Ok(());
    }
    Err(Broken::new(
        "The dialogue is the same on TCP and on UDP, so it must begin with the same words.",
    )
    .sent("\"hello\", a datagram, the first one from this address")
    .expected(shown(&question))
    .received(shown(&got)))
}

fn addresses(program: &Program) -> Result<(), Broken> {
    let server = program.serve(&[])?;
    let question = opening(&server)?;
    let (ada, bob) = (Peer::new(&server)?, Peer::new(&server)?);
    datagram(&ada, "hello", NO_UDP)?;
    let got = datagram(&bob, "hello", NO_UDP)?;
    if got != question {
        return Err(Broken::new(
            "Each datagram gets its own handler. What must remember the dialogue?",
        )
        .after("One address has opened a dialogue. Another address:")
        .sent("\"hello\", a datagram, the first one from this address")
        .expected(shown(&question))
        .received(shown(&got)));
    }
    let got = datagram(&ada, "banana", NO_UDP)?;
    if got == question {
        return Err(Broken::new(
            "The bot has forgotten that this address is in a dialogue.",
        )
        .sent("\"hello\", then \"banana\", two datagrams from one address")
        .expected("a text that says that banana isn't an answer")
        .received("the first question again"));
    }
    Ok(())
}

fn end(program: &Program) -> Result<(), Broken> {
    let mut server = program.serve(&[])?;
    let mut client = Client::connect(&server)?;
    says(&mut client);
    if !server.interrupt() {
        return Ok(()); // this system has no such signal
    }
    let got = client.read_while(Duration::from_secs(8), |_| true);
    let ended = server.end(Duration::from_secs(4));
    if got.end != End::Silence && ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let ended = ended.map_or("the program still ran".to_owned(), |it| it.to_string());
    Err(Broken::new("Both servers must stop at Ctrl-C, and `main` must wait for both.")
        .sent("Ctrl-C, in the middle of a dialogue on TCP")
        .expected("the connection ends, and the program too, with exit status 0")
        .received(format!("{got}; {ended}")))
}
