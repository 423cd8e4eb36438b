//! The members of this server, and a mailbox for each. It knows neither sockets nor the
//! broker; see lesson 14 for why a mailbox has an end, and why nobody waits under the lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

/// How many lines may wait for one client.
const MAILBOX: usize = 100;

/// How long a line waits for room in a mailbox that is full.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many lines a latecomer gets to see.
const HISTORY: usize = 20;

/// One line of text, with its end. All mailboxes share the one text.
type Line = Arc<str>;

/// All members who are connected to this server.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Locked for a moment only.
    inside: Mutex<Inside>,
}

/// What the lock guards.
#[derive(Debug, Default)]
struct Inside {
    /// The number of the latest.
    last: usize,
    /// Who is here, by number.
    here: BTreeMap<usize, Member>,
    /// The last lines.
    history: VecDeque<Line>,
}

/// One member.
#[derive(Debug)]
struct Member {
    name: String,
    mailbox: Sender<Line>,
    farewell: Farewell,
}

/// The last line of the mail, for which there is space even if the mailbox is full.
type Farewell = Arc<Mutex<Option<Line>>>;

/// A member, as its handler knows it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Its number on this server.
    pub(crate) number: usize,
    /// Disconnected when the [`Mail`] has been dropped.
    delivered: Receiver<()>,
}

/// A member's lines, as its writing thread takes them.
#[derive(Debug)]
pub(crate) struct Mail {
    lines: Receiver<Line>,
    farewell: Farewell,
    _undelivered: Sender<()>,
}

impl Room {
    /// A number for a member to come.
    pub(crate) fn number(&self) -> usize {
        let mut inside = self.inside.lock();
        inside.last += 1;
        inside.last
    }

    // [enter]
    /// Lets somebody in. It gets the last lines, and then all that come: none is missing
    /// in between and none comes twice, since `deliver` takes the same lock.
    pub(crate) fn enter(&self, number: usize, name: &str, hello: &str) -> (Seat, Mail) {
        let (mailbox, lines) = bounded(MAILBOX);
        let (undelivered, delivered) = bounded(0);
        let farewell = Farewell::default();
        let member = Member {
            name: name.to_owned(),
            mailbox: mailbox.clone(),
            farewell: farewell.clone(),
        };
        let mut inside = self.inside.lock();
        let _ = mailbox.try_send(line(hello));
        for line in &inside.history {
            let _ = mailbox.try_send(line.clone()); // it is empty, and has room for them
        }
        inside.here.insert(number, member);
        drop(inside);
        (Seat { number, delivered }, Mail { lines, farewell, _undelivered: undelivered })
    }
    // [/enter]

    /// Puts a line into all mailboxes. Returns those members whose mailbox stays full.
    pub(crate) fn deliver(&self, text: &str) -> Vec<usize> {
        let line = line(text);
        let mut inside = self.inside.lock();
        inside.history.push_back(line.clone());
        if inside.history.len() > HISTORY {
            inside.history.pop_front();
        }
        let mut full = Vec::new();
        for (&number, Member { mailbox, .. }) in &inside.here {
            if mailbox.try_send(line.clone()).is_err_and(|error| error.is_full()) {
                full.push((number, mailbox.clone()));
            }
        }
        drop(inside); // and now, without the lock, wait: but not forever
        let until = Instant::now() + PATIENCE;
        full.retain(|(_, mailbox)| {
            mailbox.send_deadline(line.clone(), until).is_err_and(|e| e.is_timeout())
        });
        full.into_iter().map(|(number, _)| number).collect()
    }

    /// Puts a line into one mailbox, if there is room.
    pub(crate) fn tell(&self, number: usize, text: &str) {
        let mailbox = self.inside.lock().here.get(&number).map(|it| it.mailbox.clone());
        if let Some(mailbox) = mailbox {
            let _ = mailbox.send_timeout(line(&format!("-- {text}")), PATIENCE);
        }
    }

    /// Lets a member go, with a last line. Returns its name, if it was still here.
    pub(crate) fn leave(&self, number: usize, farewell: &str) -> Option<String> {
        let member = self.inside.lock().here.remove(&number)?;
        *member.farewell.lock() = Some(line(&format!("-- {farewell}")));
        Some(member.name) // and its mailbox is dropped: the mail comes to its end
    }

    /// What a member is called.
    pub(crate) fn name(&self, number: usize) -> Option<String> {
        self.inside.lock().here.get(&number).map(|it| it.name.clone())
    }

    /// All members of this server.
    pub(crate) fn names(&self) -> Vec<(usize, String)> {
        let inside = self.inside.lock();
        inside.here.iter().map(|(number, it)| (*number, it.name.clone())).collect()
    }

    /// Calls a member something else. Says whether it is still here.
    pub(crate) fn rename(&self, number: usize, name: &str) -> bool {
        let mut inside = self.inside.lock();
        let member = inside.here.get_mut(&number);
        member.map(|member| member.name = name.to_owned()).is_some()
    }
}

impl Seat {
    /// Waits until the member's mail has been delivered, or cannot be.
    pub(crate) fn wait_for_delivery(&self) {
        let _ = self.delivered.recv(); // no message ever comes, only the end
    }
}

impl Iterator for Mail {
    type Item = Line;

    /// Waits for the next line; `None` after the last one.
    fn next(&mut self) -> Option<Line> {
        self.lines.recv().ok().or_else(|| self.farewell.lock().take())
    }
}

/// A text as it travels.
fn line(text: &str) -> Line {
    format!("{text}\n").into()
}
