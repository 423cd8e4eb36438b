//! This server's part of the room: what its clients want goes to the broker, and what the
//! broker brings goes to its clients.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use parking_lot::Mutex;
use socketserver::StreamWriter;

use crate::broker::{Broker, News, Reader, Trouble};
use crate::command::{COMMANDS, Command, checked_name};
use crate::pubsub;
use crate::room::{Mail, Room, Seat};
use crate::support::say;

/// How often the server renews the names, and repeats a question that got no answer.
const RENEWAL: Duration = Duration::from_secs(1);

/// How long the listener waits before it looks for the broker again.
const PAUSE: Duration = Duration::from_millis(200);

/// One server's members, and its way to the other servers.
pub(crate) struct Branch {
    room: Room,
    broker: Broker,
    /// Whether the last lines are here already.
    ready: Mutex<bool>,
}

impl Branch {
    pub(crate) fn new(broker: Broker) -> Self {
        Self { room: Room::default(), broker, ready: Mutex::new(false) }
    }

    /// Adds a member, under a name that is free on all servers, and starts the thread that
    /// delivers its mail. Without the broker, no member can be added.
    pub(crate) fn enter(
        self: &Arc<Self>,
        client: StreamWriter,
    ) -> io::Result<Option<Seat>> {
        let number = self.room.number();
        let is_ready = *self.ready.lock();
        let name = is_ready.then(|| self.guest(number).ok()).flatten();
        let Some(name) = name else { return Ok(None) };
        let hello = format!("-- you are {name}: {COMMANDS}");
        let (seat, mail) = self.room.enter(number, &name, &hello);
        let branch = Arc::clone(self);
        let writer = thread::Builder::new().name(format!("writer-{number}"));
        let spawned = writer.spawn(move || branch.write(number, mail, client));
        spawned.inspect_err(|_| self.leave(number, "goodbye"))?;
        self.post(&format!("-- {name} joined"));
        Ok(Some(seat))
    }

    /// Writes a member's mail to its connection, to the end.
    fn write(&self, number: usize, mail: Mail, mut client: StreamWriter) {
        for line in mail {
            if client.write_all(line.as_bytes()).is_err() {
                self.leave(number, "disconnected: you do not read");
                break;
            }
        }
        client.shutdown(); // if the handler still waits for a line, it reads end of file
    }

    /// A new name for a member.
    fn guest(&self, number: usize) -> Result<String, Trouble> {
        loop {
            let name = format!("guest-{}", self.broker.next_guest()?);
            if self.broker.take_name(number, &name)? {
                return Ok(name);
            }
        }
    }

    // [handle_line]
    /// Does what a member's line asks for. Says whether the member stays.
    pub(crate) fn handle_line(
        &self,
        number: usize,
        line: io::Result<String>,
    ) -> io::Result<bool> {
        let Some(name) = self.room.name(number) else { return Ok(false) }; // had to leave
        let line = match line {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let text = "that was not passed on: too long, or not UTF-8";
                self.room.tell(number, text);
                return Ok(true);
            }
            line => line?,
        };
        match Command::parse(&line) {
            Command::Say(text) => self.say(number, &name, &text),
            Command::Nick(wanted) => self.rename(number, &name, &wanted),
            Command::Who => match self.broker.names() {
                Ok(names) => {
                    self.room.tell(number, &format!("here: {}", names.join(", ")))
                }
                Err(trouble) => self.room.tell(number, &format!("not known: {trouble}")),
            },
            Command::Quit => return Ok(false),
            Command::Nothing => {}
            Command::Unknown(word) => {
                let text = format!("there is no /{word}, but {COMMANDS}");
                self.room.tell(number, &text);
            }
        }
        Ok(true)
    }

    /// Sends a line to all servers, this one among them. Tells the speaker if that fails.
    fn say(&self, number: usize, name: &str, text: &str) {
        match self.broker.say(number, text, &format!("{name}: {text}")) {
            Ok(()) => {} // it comes back with the others' lines, in everybody's order
            Err(Trouble::NoAnswer) => {
                let text = format!("not known yet whether this was said: {text}");
                self.room.tell(number, &text);
            }
            Err(trouble) => {
                self.room.tell(number, &format!("not said ({trouble}): {text}"))
            }
        }
    }
    // [/handle_line]

    /// Sends news to all servers. If the broker is away, nobody hears them.
    pub(crate) fn post(&self, news: &str) {
        let _ = self.broker.say(0, "", news);
    }

    /// Gives a member another name, or tells it why not.
    fn rename(&self, number: usize, old: &str, wanted: &str) {
        let taken = checked_name(wanted).and_then(|wanted| {
            let taken = self.broker.take_name(number, wanted);
            taken.map_err(|trouble| format!("not renamed: {trouble}"))
        });
        match taken {
            Ok(true) if self.room.rename(number, wanted) => {
                if old.to_lowercase() != wanted.to_lowercase() {
                    self.broker.free_name(number, old);
                }
                self.post(&format!("-- {old} is now {wanted}"));
            }
            Ok(true) => self.broker.free_name(number, wanted), // it has left meanwhile
            Ok(false) => self.room.tell(number, &format!("{wanted} is taken")),
            Err(why) => self.room.tell(number, &why),
        }
    }

    /// Removes a member, and frees its name. Does nothing if it has left already.
    pub(crate) fn leave(&self, number: usize, farewell: &str) {
        if let Some(name) = self.room.leave(number, farewell) {
            self.broker.free_name(number, &name);
            self.post(&format!("-- {name} left"));
        }
    }

    /// Puts a line into all mailboxes, and removes each member whose mailbox stays full.
    fn deliver(&self, text: &str) {
        for number in self.room.deliver(text) {
            self.leave(number, "disconnected: you do not read");
        }
    }

    /// Starts the listener.
    pub(crate) fn start(self: &Arc<Self>, stopping: Receiver<()>) -> io::Result<()> {
        let branch = Arc::clone(self);
        let listener = thread::Builder::new().name("listener".to_owned());
        listener.spawn(move || branch.listen(&stopping)).map(drop)
    }

    // [listen]
    /// Brings what is said at all servers to this one's clients, until the server stops.
    fn listen(&self, stopping: &Receiver<()>) {
        let mut reader = Reader::default();
        let mut is_cut_off = false;
        let stops = || stopping.try_recv() == Err(TryRecvError::Disconnected);
        while !stops() {
            let Err(error) = self.follow(&mut reader, &mut is_cut_off, &stops) else {
                return;
            };
            *self.ready.lock() = false;
            if !is_cut_off {
                is_cut_off = true;
                say!("error: the broker is away: {error}; I keep trying");
                self.deliver("-- cut off from the other servers");
            }
            let _ = stopping.recv_timeout(PAUSE);
        }
    }

    /// Follows the stream as long as the broker answers.
    fn follow(
        &self,
        reader: &mut Reader,
        is_cut_off: &mut bool,
        stops: &impl Fn() -> bool,
    ) -> redis::RedisResult<()> {
        if self.broker.by_pubsub {
            return pubsub::follow(&self.broker, stops, |news| {
                *self.ready.lock() = true;
                self.report(news)
            });
        }
        let mut connection = self.broker.reading(reader)?;
        let mut renewed = None;
        while !stops() {
            let news = self.broker.read(&mut connection, reader)?;
            let has_caught_up = news.is_empty();
            news.into_iter().for_each(|news| self.report(news));
            if has_caught_up && std::mem::take(is_cut_off) {
                self.deliver("-- together with the other servers again");
            }
            *self.ready.lock() |= has_caught_up;
            if renewed.is_none_or(|at: Instant| at.elapsed() > RENEWAL) {
                renewed = Some(Instant::now());
                self.renew();
            }
        }
        Ok(())
    }
    // [/listen]

    /// What the stream brought.
    fn report(&self, news: News) {
        match news {
            News::Line(line) => self.deliver(&line),
            News::NotSaid(number, text) => {
                self.room.tell(number, &format!("not said: {text}"));
            }
            News::Forgotten(number, text) => {
                let text = format!("perhaps not said, the broker has forgotten: {text}");
                self.room.tell(number, &text);
            }
        }
    }

    /// Keeps the names, and asks for a verdict on the lines without an answer.
    fn renew(&self) {
        self.broker.settle();
        for (number, name) in self.room.names() {
            if !matches!(self.broker.take_name(number, &name), Ok(false)) {
                continue;
            }
            // Somebody took it at another server while this one was cut off.
            let Ok(guest) = self.guest(number) else { return };
            if self.room.rename(number, &guest) {
                let text = format!("{name} is taken at another server: you are {guest}");
                self.room.tell(number, &text);
            }
        }
    }
}
