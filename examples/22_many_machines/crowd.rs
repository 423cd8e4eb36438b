//! The demonstration: two servers, a broker that dies, and every line accounted for.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::own::Own;
use crate::support::{Args, PATIENCE, actor, say};

/// How many lines ada says; the broker dies after a third of them, and is back for the last.
const LINES: usize = 90;

/// Lets them meet.
pub(crate) fn meet(args: &Args) -> io::Result<()> {
    let by_pubsub = args.flag("pubsub");
    let story = actor("story", move || match Own::start()? {
        Some(broker) => tell(broker, by_pubsub),
        None => {
            say!(
                "There is no redis-server here, so there is no broker to show this with."
            );
            say!("Install one (Debian: apt install redis-server), and run this again.");
            Ok(())
        }
    })?;
    story.end()
}

/// Two servers, ada at the first one and bob at the second.
fn tell(mut own: Own, by_pubsub: bool) -> io::Result<()> {
    let open = || {
        let broker = Broker::new(Some(&own.url()), by_pubsub)?;
        let (server, branch) = crate::open("127.0.0.1:0", broker)?;
        branch.start(server.handle().stopping())?;
        server.spawn()
    };
    let (first, second) = (open()?, open()?);
    let mut ada = Guest::arrive(first.local_addr(), "ada")?;
    let mut bob = Guest::arrive(second.local_addr(), "bob")?;
    say!("ada is at the first server, bob is at the second");
    ada.say("Is anybody here?")?;
    bob.wait_for("ada: Is anybody here?")?;
    bob.say("Yes, at another server.")?;
    ada.wait_for("bob: Yes, at another server.")?;
    say!("they hear each other");

    for number in 0..LINES {
        if number == LINES / 3 {
            own.kill()?;
            say!("the broker is dead");
        }
        if number == LINES * 2 / 3 {
            own.start_again()?;
            say!("the broker is back, and empty");
        }
        ada.say(&format!("line {number}"))?;
        thread::sleep(Duration::from_millis(10)); // she types quickly
    }
    for at in 0.. {
        // Until the servers are together again, and have told all that they know.
        thread::sleep(Duration::from_millis(100));
        ada.say(&format!("end {at}"))?;
        if bob.hears(&format!("ada: end {at}"), Duration::from_millis(300))? || at == 20
        {
            ada.hears(&format!("ada: end {at}"), Duration::from_secs(1))?;
            break;
        }
    }
    let mut count = BTreeMap::from([("heard", 0), ("told", 0), ("silent", 0)]);
    for number in 0..LINES {
        let line = format!("line {number}");
        let heard = bob.heard.iter().filter(|it| **it == format!("ada: {line}")).count();
        if heard > 1 {
            say!("bob has heard twice: {line}");
        }
        let is_told =
            |it: &String| it.starts_with("-- ") && it.ends_with(&format!(": {line}"));
        // What only ada's server had read when the broker died: bob knows of a gap.
        let has_gap = ada.heard.contains(&format!("ada: {line}"))
            && bob.heard.iter().any(|it| it.contains("lines may be missing here"));
        let what = match heard {
            0 if ada.heard.iter().any(is_told) || has_gap => "told",
            0 => "silent",
            _ => "heard",
        };
        *count.entry(what).or_default() += 1;
    }
    say!("ada has said {LINES} lines, and bob has heard {} of them", count["heard"]);
    say!("lost, and ada or bob was told: {}", count["told"]);
    say!("lost, and nobody was told: {}", count["silent"]);

    if !by_pubsub {
        let mut cem = Guest::arrive(second.local_addr(), "cem")?;
        cem.say("I come late")?;
        cem.wait_for("cem: I come late")?;
        let old = cem.heard.iter().filter(|line| line.starts_with("ada: ")).count();
        say!(
            "cem comes late, and sees {} of ada's last lines",
            if old > 0 { "some" } else { "none" }
        );
    }
    first.handle().shutdown_now();
    second.handle().shutdown_now();
    Ok(())
}

/// A guest of the room, and all that it has heard.
struct Guest {
    stream: BufReader<TcpStream>,
    heard: Vec<String>,
}

impl Guest {
    /// Enters as soon as the server lets somebody in, and takes a name.
    fn arrive(addr: SocketAddr, name: &str) -> io::Result<Self> {
        let until = Instant::now() + PATIENCE;
        loop {
            let stream = TcpStream::connect(addr)?;
            stream.set_read_timeout(Some(Duration::from_millis(50)))?;
            let mut guest = Self { stream: BufReader::new(stream), heard: vec![] };
            if guest.hears("-- you are ", PATIENCE)? {
                guest.say(&format!("/nick {name}"))?;
                guest.wait_for(&format!("is now {name}"))?;
                return Ok(guest);
            }
            if Instant::now() > until {
                return Err(io::Error::other("the server lets nobody in"));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{line}\n").as_bytes())
    }

    fn wait_for(&mut self, words: &str) -> io::Result<()> {
        match self.hears(words, PATIENCE)? {
            true => Ok(()),
            false => Err(io::Error::other(format!("nobody hears `{words}`"))),
        }
    }

    /// Reads on until a line has these words; says whether one came in this time.
    fn hears(&mut self, words: &str, patience: Duration) -> io::Result<bool> {
        let until = Instant::now() + patience;
        let mut line = vec![];
        while Instant::now() < until {
            match self.stream.read_until(b'\n', &mut line) {
                Ok(0) => return Ok(false),
                Ok(_) if line.ends_with(b"\n") => {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    let found = text.contains(words);
                    self.heard.push(text);
                    line.clear();
                    if found {
                        return Ok(true);
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}
