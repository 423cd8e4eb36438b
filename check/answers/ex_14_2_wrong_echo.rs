//! WRONG: the others see `/me waves` as `* ada waves`
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};

/// Everybody in the room: a number, a name, a stream. (A small room, without mailboxes.)
static ROOM: Mutex<BTreeMap<usize, (String, TcpStream)>> = Mutex::new(BTreeMap::new());

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

/// Sends a line to each guest who is meant; the answer is how many those were.
fn post(meant: impl Fn(usize, &str) -> bool, line: &str) -> usize {
    let room = ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    let mut count = 0;
    for (number, (name, stream)) in room.iter().filter(|(number, (name, _))| meant(**number, name)) {
        count += 1;
        let mut stream = stream;
        if stream.write_all(format!("{line}\n").as_bytes()).is_err() {
            println!("guest {number}, {name}, has gone");
        }
    }
    count
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let number = usize::from(stream.peer_addr()?.port());
    let mut name = format!("guest-{number}");
    let everybody = || ROOM.lock().unwrap_or_else(PoisonError::into_inner);
    everybody().insert(number, (name.clone(), stream.try_clone()?));
    post(|other, _| other == number, &format!("-- you are {name}: /nick, /me, /msg"));
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (to, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let tell = |text: &str| post(|other, _| other == number, &format!("-- {text}"));
        match word {
            "/nick" => {
                let old = std::mem::replace(&mut name, rest.to_owned());
                if let Some(guest) = everybody().get_mut(&number) {
                    guest.0.clone_from(&name);
                }
                post(|_, _| true, &format!("-- {old} is now {name}"))
            }
            "/me" if rest.trim().is_empty() => tell("/me TEXT"),
            "/me" => post(|_, _| true, &format!("* {name} {rest}")),
            "/msg" if text.trim().is_empty() => tell("/msg NAME TEXT"),
            "/msg" => match post(|_, other| other == to, &format!("{name} whispers: {text}")) {
                0 => tell(&format!("nobody here is called {to}")),
                count => count,
            },
            word if word.starts_with('/') => tell(&format!("there is no {word}")),
            _ => post(|other, _| other != number, &format!("{name}: {line}")),
        };
    }
    everybody().remove(&number);
    Ok(())
}
