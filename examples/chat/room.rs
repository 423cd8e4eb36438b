//! The room of lesson 14: who is here, and a mailbox for each. It knows no sockets.
//!
//! - A handler enters its client as a member ([`Room::enter`]) and gets two things: a
//!   [`Seat`], which it uses to speak, and the [`Mail`], which the client's writing
//!   thread delivers.
//! - What a member says goes into the mailboxes of the others. A mailbox holds
//!   [`MAILBOX`] lines. A speaker that finds one full waits for space, without the lock,
//!   for at most [`PATIENCE`]. If it is still full then, its owner is removed.
//! - The last line that a leaving member gets is the reason.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use super::command::{COMMANDS, Command, checked_name};
use crate::support::timeline::{Doing, Span, labelled, span};

/// How many lines can wait for one client.
pub(crate) const MAILBOX: usize = 100;

/// How long a speaker waits for space in a mailbox that is full.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// One line of text, with its newline. All mailboxes share the same text.
pub(crate) type Line = Arc<str>;

/// All the members.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Locked for a moment only: no thread sends, writes or waits under this lock.
    members: Mutex<Members>,
}

/// The members by number.
#[derive(Debug, Default)]
struct Members {
    /// The number of the newest member.
    last: usize,
    /// Who is here.
    here: BTreeMap<usize, Member>,
}

/// One member, as the others know it.
#[derive(Debug)]
struct Member {
    /// What the others call it.
    name: String,
    /// Where the others put their lines.
    mailbox: Sender<Line>,
    /// Where the last line of its mail goes.
    farewell: Farewell,
}

/// A place beside the mailbox for one more line, even if the mailbox is full.
type Farewell = Arc<Mutex<Option<Line>>>;

/// A member's place in the room. Its handler keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Its number in the room.
    number: usize,
    /// Disconnected when the [`Mail`] is dropped.
    delivered: Receiver<()>,
}

/// A member's lines, one after the other, for its writing thread. They end when the
/// member has left; the last one is the reason.
#[derive(Debug)]
pub(crate) struct Mail {
    /// The other end of the mailbox.
    lines: Receiver<Line>,
    /// See [`Member::farewell`].
    farewell: Farewell,
    /// Dropped with the mail, which by then has been delivered, or never will be.
    _undelivered: Sender<()>,
    /// For the timeline: the writing thread is working on a line.
    working: Option<Span>,
}

/// Why a member leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaving {
    /// It wants to, or it is gone already.
    ByItself,
    /// It does not read what the others say.
    NotReading,
    /// All members have to.
    ServerStops,
}

impl Room {
    /// Adds a member, called `guest-N`, and tells the others.
    pub(crate) fn enter(&self) -> (Seat, Mail) {
        let (mailbox, lines) = bounded(MAILBOX);
        let (undelivered, delivered) = bounded(0);
        let farewell = Farewell::default();
        let mail = Mail {
            lines,
            farewell: Arc::clone(&farewell),
            _undelivered: undelivered,
            working: None,
        };

        let mut members = self.members.lock();
        members.last += 1;
        let number = members.last;
        let mut names = (number..).map(|number| format!("guest-{number}"));
        let name =
            names.find(|name| !members.is_taken(name, number)).unwrap_or_default();
        // Before the others know this mailbox, so that this is the first line in it.
        let _ = mailbox.try_send(line(&format!("-- you are {name}: {COMMANDS}")));
        members.here.insert(number, Member { name: name.clone(), mailbox, farewell });
        drop(members);

        self.post(|other| other != number, &format!("-- {name} joined"));
        (Seat { number, delivered }, mail)
    }

    // [line]
    /// Does what a member's line asks for. Returns whether the member stays.
    ///
    /// # Errors
    ///
    /// The error of reading the line, unless the line was merely unreadable.
    pub(crate) fn handle_line(
        &self,
        seat: &Seat,
        line: io::Result<String>,
    ) -> io::Result<bool> {
        let _serving = span(Doing::Serving);
        let number = seat.number;
        let Some(name) = self.name(number) else { return Ok(false) }; // it was removed
        let line = match line {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.tell(seat, "that was not passed on: too long, or not UTF-8");
                return Ok(true);
            }
            line => line?,
        };
        match Command::parse(&line) {
            Command::Say(text) => {
                self.post(|other| other != number, &format!("{name}: {text}"));
            }
            Command::Nick(wanted) => self.rename(number, &wanted),
            Command::Who => self.tell(seat, &format!("here: {}", self.names())),
            Command::Quit => return Ok(false),
            Command::Nothing => {}
            Command::Unknown(word) => {
                self.tell(seat, &format!("there is no /{word}, but {COMMANDS}"));
            }
        }
        Ok(true)
    }
    // [/line]

    /// Tells one member something.
    pub(crate) fn tell(&self, seat: &Seat, text: &str) {
        self.post(|other| other == seat.number, &format!("-- {text}"));
    }

    /// Removes a member, with a reason. Does nothing if it has left already.
    pub(crate) fn leave(&self, seat: &Seat, why: Leaving) {
        self.remove(&[seat.number], why);
    }

    // [post]
    /// Puts a line into the mailboxes of all the members that are `meant`.
    fn post(&self, meant: impl Fn(usize) -> bool, text: &str) {
        let line = line(text);
        let mut full = Vec::new();
        for (&number, Member { mailbox, .. }) in &self.members.lock().here {
            // `try_send` doesn't wait, so the lock is free again in no time.
            if meant(number)
                && mailbox.try_send(line.clone()).is_err_and(|e| e.is_full())
            {
                full.push((number, mailbox.clone()));
            }
        }
        // Now, without the lock, wait for space in the full ones. But not forever.
        let _waiting =
            (!full.is_empty()).then(|| labelled(Doing::Idle, "a mailbox is full"));
        let until = Instant::now() + PATIENCE;
        full.retain(|(_, mailbox)| {
            mailbox.send_deadline(line.clone(), until).is_err_and(|e| e.is_timeout())
        });
        let late: Vec<usize> = full.into_iter().map(|(number, _)| number).collect();
        self.remove(&late, Leaving::NotReading);
    }
    // [/post]

    /// Removes members and tells the others.
    fn remove(&self, numbers: &[usize], why: Leaving) {
        let mut members = self.members.lock();
        let gone: Vec<Member> =
            numbers.iter().filter_map(|number| members.here.remove(number)).collect();
        drop(members);
        for Member { name, mailbox, farewell } in gone {
            *farewell.lock() = Some(line(why.farewell()));
            drop(mailbox); // the last sender, so the mail ends now
            if let Some(news) = why.news() {
                self.post(|_| true, &format!("-- {name} {news}"));
            }
        }
    }

    /// Gives a member another name, or tells it why that isn't possible.
    fn rename(&self, number: usize, wanted: &str) {
        // Not inside the `match`, which would hold the lock to its end.
        let renamed = self.members.lock().rename(number, wanted);
        match renamed {
            Ok(old) => self.post(|_| true, &format!("-- {old} is now {wanted}")),
            Err(reason) => self.post(|other| other == number, &format!("-- {reason}")),
        }
    }

    /// What a member is called; `None` if it has left.
    fn name(&self, number: usize) -> Option<String> {
        self.members.lock().here.get(&number).map(|member| member.name.clone())
    }

    /// The names of all the members.
    fn names(&self) -> String {
        let members = self.members.lock();
        let names: Vec<&str> = members.here.values().map(|m| m.name.as_str()).collect();
        names.join(", ")
    }
}

impl Members {
    /// Whether a member other than `number` has this name. `ada` and `Ada` are the same
    /// name here, because people would mistake one for the other.
    fn is_taken(&self, name: &str, number: usize) -> bool {
        let name = name.to_lowercase();
        let called = |(other, member): (&usize, &Member)| {
            *other != number && member.name.to_lowercase() == name
        };
        self.here.iter().any(called)
    }

    /// Gives a member another name, and returns the old one, or says why it can't.
    fn rename(&mut self, number: usize, wanted: &str) -> Result<String, String> {
        let wanted = checked_name(wanted)?;
        if self.is_taken(wanted, number) {
            return Err(format!("{wanted} is taken"));
        }
        let member = self.here.get_mut(&number).ok_or("you have left")?;
        Ok(std::mem::replace(&mut member.name, wanted.to_owned()))
    }
}

impl Seat {
    /// Waits until the member's mail has been delivered, or can't be.
    pub(crate) fn wait_for_delivery(&self) {
        let _ = self.delivered.recv(); // no message ever comes, only the end
    }
}

impl fmt::Display for Seat {
    /// The number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl Default for Seat {
    /// A seat outside the room, without a member and with nothing to deliver.
    fn default() -> Self {
        Self { number: 0, delivered: bounded(0).1 }
    }
}

impl Iterator for Mail {
    type Item = Line;

    /// Waits for the next line; `None` after the last one.
    fn next(&mut self) -> Option<Line> {
        self.working = None;
        let idle = span(Doing::Idle);
        let line = self.lines.recv().ok().or_else(|| self.farewell.lock().take());
        drop(idle);
        self.working = line.is_some().then(|| span(Doing::Working));
        line
    }
}

impl Leaving {
    /// The reason, when a member's mail can't be delivered.
    pub(crate) fn because_of(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::TimedOut {
            Self::NotReading
        } else {
            Self::ByItself
        }
    }

    /// The last line that the leaving member reads.
    fn farewell(self) -> &'static str {
        match self {
            Self::ByItself => "-- goodbye",
            Self::NotReading => "-- disconnected: you do not read",
            Self::ServerStops => "-- the server stops: goodbye",
        }
    }

    /// What the others read about it.
    fn news(self) -> Option<&'static str> {
        match self {
            Self::ByItself => Some("left"),
            Self::NotReading => Some("was disconnected: does not read"),
            Self::ServerStops => None,
        }
    }
}

/// A text with its newline, ready to send.
fn line(text: &str) -> Line {
    format!("{text}\n").into()
}
