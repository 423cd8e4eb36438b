//! 03.2: a UDP client that tries again.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use crate::broken::{Broken, shown};
use crate::program::{Program, Ran};
use crate::{Begin, Exercise, Promise, server};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "03.2",
    title: "try again",
    lesson: "03_udp",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "a client that gets its reply at once sends once, and prints the reply",
            test: none,
        },
        Promise {
            name: "if the first datagram is lost, the second is answered",
            test: one,
        },
        Promise { name: "if two are lost, the third is answered", test: two },
        Promise { name: "if all are lost, it gives up after the third", test: all },
    ],
};

/// What a server saw that loses the first datagrams, and how the client ended.
struct Story {
    datagrams: Vec<(SocketAddr, Vec<u8>)>,
    ran: Ran,
}

/// Runs the client against a server that loses the first `lost` datagrams.
fn play(program: &Program, lost: usize) -> Result<Story, Broken> {
    let socket = server::udp()?;
    let addr = socket.local_addr().map_or(String::new(), |addr| addr.to_string());
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let listener = thread::spawn(move || {
        let mut datagrams = Vec::new();
        let mut data = vec![0; 65_535];
        loop {
            let heard = socket.recv_from(&mut data);
            if let Ok((count, client)) = heard {
                datagrams.push((client, data[..count].to_vec()));
                if datagrams.len() > lost {
                    let _ = socket.send_to(&[b"OK...", &data[..count]].concat(), client);
                }
            } else if stopped.try_recv()
                == Err(std::sync::mpsc::TryRecvError::Disconnected)
            {
                return datagrams;
            }
        }
    });
    let limit = Duration::from_secs(12);
    let ran = program.run(&["client", "--addr", &addr, "Hello"], limit);
    drop(stop);
    let datagrams = listener.join().unwrap_or_default();
    Ok(Story { datagrams, ran: ran? })
}

impl Story {
    fn tell(&self, lost: usize, expected: &str, thought: &str) -> Broken {
        let datagrams: Vec<String> = self
            .datagrams
            .iter()
            .map(|(client, data)| format!("{} from port {}", shown(data), client.port()))
            .collect();
        let end = match self.ran.status {
            Some(status) => status.to_string(),
            None => "it still ran after twelve seconds".to_owned(),
        };
        let last = self.ran.lines.last().or(self.ran.errors.first());
        let last = last.map_or(String::new(), |line| format!("; it printed {line:?}"));
        Broken::new(thought)
            .after(format!("The server lost {lost} of the client's datagrams."))
            .sent("client --addr ADDRESS Hello")
            .expected(expected)
            .received(format!("[{}]; {end}{last}", datagrams.join(", ")))
    }
}

fn answered(program: &Program, lost: usize) -> Result<(), Broken> {
    let story = play(program, lost)?;
    let sent = story.datagrams.len();
    let plural = if lost == 0 { "datagram" } else { "datagrams" };
    let expected = format!("{} {plural}, and the reply is printed", lost + 1);
    let tell = |thought| Err(story.tell(lost, &expected, thought));
    if story.datagrams.iter().any(|(_, data)| data != b"Hello") {
        return tell(
            "Each datagram is the same one again, and holds the whole message.",
        );
    }
    if story.datagrams.iter().any(|(client, _)| *client != story.datagrams[0].0) {
        return tell(
            "Each try comes from a socket of its own, so a late reply to the first one finds \
             nobody. Bind once, send many times.",
        );
    }
    if sent <= lost {
        return tell(
            "Nothing more came. What does `recv` return after the read timeout?",
        );
    }
    let printed = story.ran.lines.iter().any(|line| line.contains("OK...Hello"));
    if sent > lost + 1 {
        return tell(
            "It got its reply, and still sent more. When do you leave the loop?",
        );
    }
    match story.ran.status {
        Some(status) if printed && status.success() => Ok(()),
        _ => tell("The reply came. Do you print it, and end with status 0?"),
    }
}

fn none(program: &Program) -> Result<(), Broken> {
    answered(program, 0)
}

fn one(program: &Program) -> Result<(), Broken> {
    answered(program, 1)
}

fn two(program: &Program) -> Result<(), Broken> {
    answered(program, 2)
}

fn all(program: &Program) -> Result<(), Broken> {
    let story = play(program, usize::MAX)?;
    let expected = "3 datagrams, and then an error: an exit status that isn't 0";
    let tell = |thought| Err(story.tell(story.datagrams.len(), expected, thought));
    match (story.datagrams.len(), story.ran.status) {
        (3, Some(status)) if !status.success() => Ok(()),
        (3, Some(_)) => tell("No reply came, so the client must not end as if one had."),
        (3, None) => tell("After the third try, half a second is enough, too."),
        (0..=2, _) => tell("It gave up too early: three datagrams in all."),
        _ => tell("At most three in all: the first one counts as well."),
    }
}
