//! The way to the broker. A *stream* holds what is said, in one order for all servers.
//!
//! - Each entry names its server, and has that server's number for it. A server numbers its
//!   lines one after the other, and sends one at a time.
//! - A reader skips an entry whose number isn't greater than the last one from the same
//!   server. So a line that got no answer can be sent again.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io, process};

use parking_lot::Mutex;
use redis::{Client, Cmd, Connection, FromRedisValue, RedisResult, cmd};

use crate::support::mistake;
use crate::support::text::harmless;

/// The stream. The braces keep all keys on one node of a cluster.
pub(crate) const STREAM: &str = "{chat}";

/// What the key of a name begins with.
const NAME: &str = "{chat}:name:";

/// How many entries the stream keeps, and a few more.
const KEPT: usize = 1000;

/// How long a name is kept for a server that does not renew it, in seconds.
const LEASE: u64 = 10;

/// How long to wait for an answer of the broker.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long to wait before the next try, after connecting failed.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a read waits in the broker, in milliseconds. Less than the reader's patience.
const BLOCK: u64 = 300;

/// How many entries are read at once.
const COUNT: usize = 100;

/// The broker, as one server sees it.
pub(crate) struct Broker {
    /// Where it may be.
    clients: Vec<Client>,
    /// This server's name, which no other one has.
    me: String,
    /// Whether the lines go by `PUBLISH` instead.
    pub(crate) by_pubsub: bool,
    talking: Mutex<Talking>,
    /// The lines that have not come back yet: by number, who said what.
    pending: Mutex<BTreeMap<u64, (usize, String)>>,
}

/// The connection for everything but reading the stream.
struct Talking {
    connection: Option<Connection>,
    /// The client to begin with.
    turn: usize,
    not_before: Instant,
    /// The number of the last line.
    number: u64,
    /// Whether a line since the last settlement got no answer.
    is_unsettled: bool,
}

/// Why something was not done.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// It was never sent.
    NoBroker,
    /// It was sent, and refused.
    Refused(String),
    /// It was sent, and perhaps done.
    NoAnswer,
}

/// What the stream brings.
pub(crate) enum News {
    /// A line for everybody.
    Line(String),
    /// For a member: its line will not come any more.
    NotSaid(usize, String),
    /// For a member: nobody can say any more whether its line came.
    Forgotten(usize, String),
}

/// How far a server has read the stream.
#[derive(Default)]
pub(crate) struct Reader {
    turn: usize,
    /// The entry that came last; `(0, 0)` before the first one.
    last: Id,
    /// The last number of each server.
    seen: HashMap<String, u64>,
    /// What is to be reported first.
    news: Vec<News>,
    /// Whether the connection is a new one: entries may have been removed in between.
    is_new: bool,
}

/// An entry's place in the stream: milliseconds, and a number.
type Id = (u64, u64);

/// Entries, each with its fields and their values. A stranger might have written anything.
type Entries = Vec<(String, Vec<(Vec<u8>, Vec<u8>)>)>;

impl Broker {
    /// A broker at one of these addresses, with commas between them.
    pub(crate) fn new(urls: Option<&str>, by_pubsub: bool) -> io::Result<Self> {
        let open = |url: &str| {
            Client::open(url).map_err(|_| {
                mistake(format!(
                    "`{url}` is not a broker's address.\nIt looks like \
                     redis://127.0.0.1:6379."
                ))
            })
        };
        let urls = urls.unwrap_or("redis://127.0.0.1:6379").split(',');
        let clients = urls.map(open).collect::<io::Result<Vec<_>>>()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        static COUNT: Mutex<u32> = Mutex::new(0);
        let mut count = COUNT.lock();
        *count += 1;
        let me = format!("{}-{}-{count}", now.as_micros(), process::id());
        let talking = Talking {
            connection: None,
            turn: 0,
            not_before: Instant::now(),
            number: 0,
            is_unsettled: false,
        };
        let (talking, pending) = (Mutex::new(talking), Mutex::default());
        Ok(Self { clients, me, by_pubsub, talking, pending })
    }

    // [say]
    /// Adds a line to the stream, for a member that said `text`.
    pub(crate) fn say(
        &self,
        member: usize,
        text: &str,
        line: &str,
    ) -> Result<(), Trouble> {
        let talking = self.talking.try_lock_for(PATIENCE);
        let mut talking = talking.ok_or(Trouble::NoBroker)?;
        if self.by_pubsub {
            let published = cmd("PUBLISH").arg(STREAM).arg(line).to_owned();
            return talking.ask::<u64>(&self.clients, &published).map(drop);
        }
        let number = talking.number + 1;
        self.pending.lock().insert(number, (member, text.to_owned()));
        let added = talking.ask(&self.clients, self.entry(number).arg("line").arg(line));
        match &added {
            Err(Trouble::NoBroker | Trouble::Refused(_)) => {
                self.pending.lock().remove(&number); // so the next line gets this number
            }
            Err(Trouble::NoAnswer) => {
                (talking.number, talking.is_unsettled) = (number, true);
            }
            Ok(()) => talking.number = number,
        }
        added
    }

    /// An entry of this server, without a line yet.
    fn entry(&self, number: u64) -> Cmd {
        let mut xadd = cmd("XADD");
        xadd.arg(STREAM).arg("MAXLEN").arg("~").arg(KEPT).arg("*");
        xadd.arg("by").arg(&self.me).arg("n").arg(number);
        xadd
    }

    /// If a line got no answer, adds an entry without a line. A server that reads it knows: the
    /// lines before it have come by now, or never will.
    pub(crate) fn settle(&self) {
        let Some(mut talking) = self.talking.try_lock_for(PATIENCE) else { return };
        if talking.is_unsettled {
            talking.number += 1;
            let number = talking.number;
            let added = talking.ask::<()>(&self.clients, &self.entry(number));
            talking.is_unsettled = added.is_err();
        }
    }
    // [/say]

    /// Asks the broker for something, with the connection of this server.
    fn ask<T: FromRedisValue>(&self, question: &Cmd) -> Result<T, Trouble> {
        let talking = self.talking.try_lock_for(PATIENCE);
        talking.ok_or(Trouble::NoBroker)?.ask(&self.clients, question)
    }

    /// The number of the next guest.
    pub(crate) fn next_guest(&self) -> Result<u64, Trouble> {
        self.ask(cmd("INCR").arg(format!("{STREAM}:guests")))
    }

    // [names]
    /// Takes a name for a member, or renews it. Says whether the member has it now.
    pub(crate) fn take_name(&self, member: usize, name: &str) -> Result<bool, Trouble> {
        let (key, owner) = (key(name), self.owner(member, name));
        let mut set = cmd("SET");
        set.arg(&key).arg(&owner).arg("NX").arg("EX").arg(LEASE);
        if self.ask::<Option<String>>(&set)?.is_some() {
            return Ok(true);
        }
        let is_ours = self.is_owner(member, &key)?;
        if is_ours {
            let mut set = cmd("SET"); // `ada` may become `Ada`
            self.ask::<()>(set.arg(&key).arg(&owner).arg("EX").arg(LEASE))?;
        }
        Ok(is_ours)
    }

    /// Gives a name back. If the broker is away, that happens by itself after a while.
    pub(crate) fn free_name(&self, member: usize, name: &str) {
        let key = key(name);
        if self.is_owner(member, &key).unwrap_or(false) {
            let _ = self.ask::<()>(cmd("DEL").arg(&key));
        }
    }
    // [/names]

    /// Whether a name is this member's.
    fn is_owner(&self, member: usize, key: &str) -> Result<bool, Trouble> {
        let owner: Option<Vec<u8>> = self.ask(cmd("GET").arg(key))?;
        Ok(owner.is_some_and(|it| it.starts_with(self.owner(member, "").as_bytes())))
    }

    /// What is noted for a name.
    fn owner(&self, member: usize, name: &str) -> String {
        format!("{} {member} {name}", self.me)
    }

    /// All names, on all servers.
    pub(crate) fn names(&self) -> Result<Vec<String>, Trouble> {
        let (mut cursor, mut keys) = (0_u64, vec![]);
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(format!("{NAME}*")).arg("COUNT").arg(1000);
            let (next, found): (u64, Vec<Vec<u8>>) = self.ask(&scan)?;
            keys.extend(found);
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut names = vec![];
        for key in keys {
            let owner: Option<Vec<u8>> = self.ask(cmd("GET").arg(&key))?;
            let owner = String::from_utf8_lossy(&owner.unwrap_or_default()).into_owned();
            names.extend(owner.splitn(3, ' ').nth(2).map(str::to_owned));
        }
        names.sort();
        names.dedup();
        Ok(names)
    }

    // [read]
    /// A connection to read the stream with. Looks whether it is still the same stream.
    pub(crate) fn reading(&self, reader: &mut Reader) -> RedisResult<Connection> {
        let client = &self.clients[reader.turn % self.clients.len()];
        reader.turn += 1; // another one next time, if this one fails
        let mut connection = connect(client)?;
        let mut newest = cmd("XREVRANGE");
        newest.arg(STREAM).arg("+").arg("-").arg("COUNT").arg(1);
        let newest: Entries = newest.query(&mut connection)?;
        let newest = newest.first().map_or((0, 0), |(id, _)| id_of(id));
        if newest < reader.last {
            // The broker has come back without what it knew: begin at the beginning.
            reader.last = (0, 0);
            let text = "-- the broker has forgotten: lines may be missing here";
            reader.news.push(News::Line(text.to_owned()));
            let pending = std::mem::take(&mut *self.pending.lock());
            let pending = pending.into_values().filter(|(member, _)| *member != 0);
            reader.news.extend(pending.map(|(member, it)| News::Forgotten(member, it)));
        }
        reader.is_new = true;
        reader.turn -= 1; // it works
        Ok(connection)
    }

    /// The next entries, after a moment's wait. Where the stream stands now, there are none.
    pub(crate) fn read(
        &self,
        connection: &mut Connection,
        reader: &mut Reader,
    ) -> RedisResult<Vec<News>> {
        let mut read = cmd("XREAD");
        read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK);
        let (millis, number) = reader.last;
        read.arg("STREAMS").arg(STREAM).arg(format!("{millis}-{number}"));
        let streams: Option<Vec<(String, Entries)>> = read.query(connection)?;
        let entries: Entries =
            streams.into_iter().flatten().flat_map(|(_, entries)| entries).collect();
        let mut news = std::mem::take(&mut reader.news);
        // What is kept behind a gap always fills a whole answer.
        let may_have_gap = std::mem::take(&mut reader.is_new) || entries.len() == COUNT;
        if may_have_gap && reader.last != (0, 0) {
            let mut oldest = cmd("XRANGE");
            oldest.arg(STREAM).arg("-").arg("+").arg("COUNT").arg(1);
            let oldest: Entries = oldest.query(connection)?;
            if oldest.first().is_some_and(|(id, _)| id_of(id) > reader.last) {
                let text =
                    "-- lines may be missing here: this server was too far behind";
                news.push(News::Line(text.to_owned()));
            }
        }
        for (id, fields) in entries {
            reader.last = id_of(&id);
            self.understand(reader, &fields, &mut news);
        }
        Ok(news)
    }

    /// What one entry means.
    fn understand(
        &self,
        reader: &mut Reader,
        fields: &[(Vec<u8>, Vec<u8>)],
        news: &mut Vec<News>,
    ) {
        let field = |name: &str| {
            let field = fields.iter().find(|(field, _)| field == name.as_bytes());
            field.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let (by, line) = (field("by").unwrap_or_default(), field("line"));
        if let Some(number) = field("n").and_then(|number| number.parse().ok()) {
            let seen = reader.seen.entry(by.clone()).or_default();
            if number <= *seen {
                return; // sent twice
            }
            *seen = number;
            if by == self.me {
                let mut pending = self.pending.lock();
                let later = pending.split_off(&(number + 1));
                let mut done = std::mem::replace(&mut *pending, later);
                if line.is_some() {
                    done.remove(&number);
                }
                // Those before it cannot come any more: their numbers are too small.
                let lost = done.into_values().filter(|(member, _)| *member != 0);
                news.extend(lost.map(|(member, text)| News::NotSaid(member, text)));
            }
        }
        news.extend(line.map(|line| News::Line(line.chars().map(harmless).collect())));
    }
    // [/read]

    /// The clients, for code that reads in another way.
    pub(crate) fn clients(&self) -> &[Client] {
        &self.clients
    }
}

impl Talking {
    // [ask]
    /// Asks, and asks again on a new connection if the old one brings no answer.
    fn ask<T: FromRedisValue>(
        &mut self,
        clients: &[Client],
        question: &Cmd,
    ) -> Result<T, Trouble> {
        let mut trouble = Trouble::NoBroker;
        for _ in 0..=clients.len() {
            let Some(connection) = self.connected(clients) else { break };
            let error = match question.query(connection) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_answer = error.code().is_some();
            if !is_answer {
                trouble = Trouble::NoAnswer; // even if a later one is refused
            } else if !matches!(trouble, Trouble::NoAnswer) {
                trouble = Trouble::Refused(why(&error));
            }
            if is_answer && !is_elsewhere(&error) {
                break;
            }
            self.connection = None; // half an answer may still come on it
            self.turn += usize::from(is_answer);
        }
        Err(trouble)
    }
    // [/ask]

    /// The connection, opened if there is none.
    fn connected(&mut self, clients: &[Client]) -> Option<&mut Connection> {
        if self.connection.is_none() && Instant::now() >= self.not_before {
            for _ in clients {
                self.connection = connect(&clients[self.turn % clients.len()]).ok();
                if self.connection.is_some() {
                    break;
                }
                self.turn += 1;
            }
            if self.connection.is_none() {
                self.not_before = Instant::now() + PAUSE;
            }
        }
        self.connection.as_mut()
    }
}

/// Connects, with a time limit for everything on this connection.
pub(crate) fn connect(client: &Client) -> RedisResult<Connection> {
    let connection = client.get_connection_with_timeout(PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    Ok(connection)
}

/// Whether another node may do what this one refuses.
fn is_elsewhere(error: &redis::RedisError) -> bool {
    let elsewhere = ["MOVED", "ASK", "CLUSTERDOWN", "READONLY", "LOADING", "MASTERDOWN"];
    error.code().is_some_and(|code| elsewhere.contains(&code))
}

/// Why the broker refuses something, in a few words.
fn why(error: &redis::RedisError) -> String {
    match error.code() {
        Some("OOM") => "the broker is full".to_owned(),
        _ => error.to_string(),
    }
}

/// The key of a name. `ada` and `Ada` would be mistaken for each other.
fn key(name: &str) -> String {
    format!("{NAME}{}", name.to_lowercase())
}

/// Reads `1700000000000-3`.
fn id_of(id: &str) -> Id {
    let (millis, number) = id.split_once('-').unwrap_or((id, "0"));
    (millis.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBroker => f.write_str("no broker"),
            Self::Refused(why) => f.write_str(why),
            Self::NoAnswer => f.write_str("no answer"),
        }
    }
}
