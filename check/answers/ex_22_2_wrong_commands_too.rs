//! WRONG: commands and blank lines are not said again
use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// The server of the moment, and the lines that have not come back.
#[derive(Default)]
struct Shared {
    server: Option<TcpStream>,
    kept: VecDeque<String>,
}

pub(crate) fn main() -> io::Result<()> {
    let shared = Arc::new(Mutex::new(Shared::default()));
    let typing = Arc::clone(&shared);
    thread::spawn(move || pass_on(&typing));
    let addresses = [crate::addr(), crate::option("also").unwrap_or_default()];
    let mut old = None;
    for addr in addresses.iter().cycle() {
        let Ok(stream) = TcpStream::connect(addr) else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        match visit(&stream, &shared, old.take())? {
            None => break,
            name => old = name,
        }
    }
    Ok(())
}

/// One server, to its end. The answer is our name there, or nothing after the goodbye.
fn visit(
    stream: &TcpStream,
    shared: &Mutex<Shared>,
    old: Option<String>,
) -> io::Result<Option<String>> {
    let (mut name, mut known) = (String::new(), old.unwrap_or_default());
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        println!("{line}");
        if line == "-- goodbye" {
            return Ok(None);
        }
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((new, _)) =
            line.strip_prefix("-- you are ").and_then(|rest| rest.split_once(':'))
        {
            name = new.to_owned();
        } else if line == format!("-- {name} joined") {
            known.clone_from(&name);
            let mut stream = stream.try_clone()?;
            for line in &shared.kept {
                writeln!(stream, "{line}")?;
            }
            shared.server = Some(stream);
        } else if let Some(text) = line.strip_prefix(&format!("{known}: ")) {
            let place = shared.kept.iter().position(|kept| kept == text);
            place.map(|place| shared.kept.remove(place));
        }
    }
    shared.lock().unwrap_or_else(PoisonError::into_inner).server = None;
    Ok(Some(name))
}

/// Sends what is typed, and keeps it.
fn pass_on(shared: &Mutex<Shared>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        loop {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(server) = &mut shared.server {
                let _ = writeln!(server, "{line}");
                shared.kept.push_back(line);
                break;
            }
            drop(shared);
            thread::sleep(Duration::from_millis(10));
        }
    }
}
