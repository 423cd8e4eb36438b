//! 22.2: a client that sends a line again if a dead server might not have passed it on.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use crate::broken::Broken;
use crate::client::PATIENCE;
use crate::program::Program;
use crate::{Begin, Exercise, Promise, server};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "22.2",
    title: "nothing lost when a server dies",
    lesson: "22_many_machines",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "what did not come back is said again at the next server",
            test: again,
        },
        Promise {
            name: "what came back is not, and the rest is in its order",
            test: rest,
        },
        Promise { name: "a line that was said twice is two lines", test: twice },
        Promise { name: "commands and blank lines are not said again", test: commands },
        Promise { name: "what the last lines show was said", test: history },
    ],
};

/// How long to wait where nothing should come.
const QUIET: Duration = Duration::from_millis(250);

/// The two servers, and what the second one must receive.
struct Story {
    /// What is typed, at the first server.
    typed: &'static str,
    /// How many lines of it the first server reads, and which it passes on, before it
    /// dies.
    first: (usize, &'static [&'static str]),
    /// The last lines that the second server shows, before `-- guest-9 joined`.
    history: &'static [&'static str],
    /// What the client must say then.
    wanted: &'static [&'static str],
    thought: &'static str,
}

impl Story {
    fn plays(&self, program: &Program) -> Result<(), Broken> {
        let (count, passed_on) = self.first;
        let one = server::tcp(move |stream| first(stream, count, passed_on))?;
        let (tell, told) = channel();
        let (history, count) = (self.history, self.wanted.len());
        let two = server::tcp(move |stream| second(stream, history, count, &tell))?;
        let addr = |addr: SocketAddr| addr.to_string();
        let words = ["client", "--addr", &addr(one), "--also", &addr(two)];
        let limit = 3 * PATIENCE;
        let ran = program.run_and_type(&words, self.typed, limit)?;
        let received: Vec<String> = told.try_iter().collect();
        if received == self.wanted {
            return Ok(());
        }
        let error = ran.errors.first().map_or(String::new(), |it| format!(", {it:?}"));
        Err(Broken::new(self.thought)
            .sent(format!(
                "{:?} is typed; the first server passes on {passed_on:?} and dies",
                self.typed
            ))
            .expected(format!("at the second server, after `joined`: {:?}", self.wanted))
            .received(format!("{received:?}{error}")))
    }
}

/// A server that reads some lines, passes some of them on, and dies.
fn first(stream: TcpStream, count: usize, passed_on: &[&str]) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    (&stream).write_all(b"-- you are guest-1: /nick NAME, /who, /quit\n")?;
    (&stream).write_all(b"-- guest-1 joined\n")?;
    let lines: Vec<String> =
        BufReader::new(&stream).lines().take(count).collect::<io::Result<_>>()?;
    let mut said = passed_on.iter().filter(|it| lines.iter().any(|line| line == *it));
    said.try_for_each(|line| writeln!(&stream, "guest-1: {line}"))
}

/// A server that shows its last lines, and notes what the client sends after that.
fn second(
    stream: TcpStream,
    history: &[&str],
    count: usize,
    tell: &Sender<String>,
) -> io::Result<()> {
    let mut lines = BufReader::new(&stream);
    (&stream).write_all(b"-- you are guest-9: /nick NAME, /who, /quit\n")?;
    history.iter().try_for_each(|line| writeln!(&stream, "{line}"))?;
    for line in read_lines(&mut lines, 1, QUIET)? {
        let _ = tell.send(format!("{line} (before `joined`)"));
    }
    (&stream).write_all(b"-- guest-9 joined\n")?;
    let mut received = read_lines(&mut lines, count, PATIENCE)?;
    received.extend(read_lines(&mut lines, usize::MAX, QUIET)?);
    for line in received {
        let _ = tell.send(line);
    }
    (&stream).write_all(b"-- goodbye\n")
}

/// The lines that arrive in this time, up to `count`.
fn read_lines(
    lines: &mut BufReader<&TcpStream>,
    count: usize,
    limit: Duration,
) -> io::Result<Vec<String>> {
    let until = Instant::now() + limit;
    let (mut received, mut line) = (Vec::new(), Vec::new());
    while received.len() < count {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        lines.get_ref().set_read_timeout(Some(left))?;
        match lines.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {
                received.push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
            Err(error)
                if [ErrorKind::WouldBlock, ErrorKind::TimedOut]
                    .contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(received)
}

fn again(program: &Program) -> Result<(), Broken> {
    Story {
        typed: "Hello\n",
        first: (1, &[]),
        history: &[],
        wanted: &["Hello"],
        thought: "The line was sent, and it never came back. So the client must keep it, and say \
                  it again once it is in the room: after its own `-- guest-9 joined`.",
    }
    .plays(program)
}

fn rest(program: &Program) -> Result<(), Broken> {
    Story {
        typed: "one\ntwo\nthree\n",
        first: (3, &["one"]),
        history: &[],
        wanted: &["two", "three"],
        thought: "`guest-1: one` came back, so it was said. The others did not. They are said \
                  again in the order in which they were typed.",
    }
    .plays(program)?;
    Story {
        typed: "one\ntwo\nthree\n",
        first: (3, &["two"]),
        history: &[],
        wanted: &["one", "three"],
        thought: "`guest-1: two` came back, so `two` was said. `one` wasn't: the broker might \
                  have been away just then. So it isn't always the oldest line that comes back.",
    }
    .plays(program)
}

fn twice(program: &Program) -> Result<(), Broken> {
    Story {
        typed: "ha\nha\nha\n",
        first: (3, &["ha"]),
        history: &[],
        wanted: &["ha", "ha"],
        thought: "Three lines were typed and one came back. Each one that comes back takes one \
                  of the kept lines away, not all that look like it.",
    }
    .plays(program)
}

fn commands(program: &Program) -> Result<(), Broken> {
    Story {
        typed: "/who\n\n   \nHello\n",
        first: (4, &[]),
        history: &[],
        wanted: &["Hello"],
        thought: "A command never comes back as a line, nor does a blank one.",
    }
    .plays(program)
}

fn history(program: &Program) -> Result<(), Broken> {
    Story {
        typed: "one\ntwo\n",
        first: (2, &[]),
        history: &["guest-4: two", "-- guest-4 joined", "guest-1: one"],
        wanted: &["two"],
        thought: "The last lines show `guest-1: one`, and guest-1 was this client's name at the \
                  first server. So wait for `-- guest-9 joined`: then they have all come.",
    }
    .plays(program)
}
