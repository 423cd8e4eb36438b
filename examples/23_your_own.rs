//! Lesson 23: a key-value server of your own, in a package of its own.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use log::{LevelFilter, Log, Metadata, Record, debug, info, warn};
use socketserver::{Event, LineError, RequestHandler, TcpRequest, ThreadedServer};

const NAME: &str = env!("CARGO_BIN_NAME"); // what Cargo calls this program
const HELP: &str = "a small key-value server
  serve [--addr HOST:PORT]  serves until Ctrl-C (default 127.0.0.1:9023)
  (nothing)                 shows what it does, and ends
LOG=debug shows more of what happens, LOG=warn less.";

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Vec<&str> =
        words.iter().map(|word| word.to_str().unwrap_or("?")).collect();
    let result = match words[..] {
        [] => demonstration(),
        ["serve"] => serve("127.0.0.1:9023"),
        ["serve", "--addr", address] => serve(address),
        ["--help" | "-h"] => writeln!(io::stdout(), "{NAME}: {HELP}"),
        _ => {
            let words = words.join(" ");
            Err(io::Error::other(format!("it has no option `{words}`. It is {HELP}")))
        }
    };
    if let Err(error) = result {
        eprintln!("{NAME}: {error}");
        return ExitCode::from(2);
    }
    ExitCode::SUCCESS
}

// [handler]
#[derive(Clone, Default)]
struct Store {
    values: Arc<Mutex<HashMap<String, String>>>, // shared by all clients
}

impl RequestHandler for Store {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        loop {
            let mut line = String::new();
            let answer = match request.read_line(&mut line) {
                Ok(0) => return Ok(()), // the client is done, or the server stops
                Ok(_) => self.answer(&line),
                Err(error) => match LineError::of(&error) {
                    Some(wrong) => format!("ERROR {wrong}"), // read the next one then
                    None => return Err(error),
                },
            };
            writeln!(request, "{answer}")?; // the lock is free again
            if answer == "BYE" {
                return Ok(());
            }
        }
    }
}
// [/handler]

// [answer]
/// The most keys that the store holds, so that clients can't fill the memory.
const MAX_KEYS: usize = 10_000;

impl Store {
    /// Does what a line asks for. The first word of the reply says how it went.
    fn answer(&self, line: &str) -> String {
        let Some(command) = line.strip_suffix('\n') else {
            return "ERROR the line has no end".to_owned(); // it might be half a command
        };
        let words: Vec<&str> = command.trim_end_matches('\r').splitn(3, ' ').collect();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match words[..] {
            ["SET", key, _] if values.len() >= MAX_KEYS && !values.contains_key(key) => {
                "ERROR the store is full".to_owned()
            }
            ["SET", key, value] if !key.is_empty() => {
                values.insert(key.to_owned(), value.to_owned());
                "OK".to_owned()
            }
            ["GET", key] => {
                values.get(key).map_or("NONE".to_owned(), |it| format!("OK {it}"))
            }
            ["DEL", key] => values.remove(key).map_or("NONE", |_| "OK").to_owned(),
            ["COUNT"] => format!("OK {}", values.len()),
            ["QUIT"] => "BYE".to_owned(),
            _ => "ERROR write SET KEY VALUE, GET KEY, DEL KEY, COUNT or QUIT".to_owned(),
        }
    }
}
// [/answer]

// [limits]
fn server(address: &str) -> io::Result<ThreadedServer> {
    ThreadedServer::builder()
        .max_connections(100)
        .max_connections_per_address(50) // one machine can't use them all up
        .read_timeout(Duration::from_secs(60)) // a silent client can't stay
        .max_line(1024)
        .on_event(|event| match event {
            Event::Accepted { number, client } => info!("client {number} is {client}"),
            Event::Ended { number, outcome, .. } => {
                info!("client {number}: {outcome:?}")
            }
            Event::Rejected { .. } | Event::Exhausted { .. } => warn!("{event:?}"),
            _ => debug!("{event:?}"),
        })
        .tcp(address, Store::default())
}
// [/limits]

fn serve(address: &str) -> io::Result<()> {
    let level = env::var("LOG").ok().and_then(|level| level.parse().ok());
    log::set_max_level(level.unwrap_or(LevelFilter::Info));
    log::set_logger(&Logger).map_err(|_| io::Error::other("two loggers"))?;

    let server = server(address)?;
    let handle = server.handle();
    handle.shutdown_on_ctrl_c()?;
    // (`println!` would panic if standard output is closed.)
    writeln!(io::stdout(), "listening on {} (Ctrl-C stops it)", handle.local_addr())?;
    server.serve_forever()?;
    info!("{}", handle.stats());
    Ok(())
}

/// Writes each record as a line to standard error.
struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true // `set_max_level` has filtered already
    }

    fn log(&self, record: &Record<'_>) {
        let _ = writeln!(io::stderr(), "{:5} {}", record.level(), record.args());
    }

    fn flush(&self) {}
}

fn demonstration() -> io::Result<()> {
    let server = server("127.0.0.1:0")?.spawn()?;
    let mut client = TcpStream::connect(server.local_addr())?;
    client.set_read_timeout(Some(Duration::from_secs(4)))?;
    let commands = ["SET colour light blue", "GET colour", "PUT colour red", "QUIT"];
    client.write_all(format!("{}\n", commands.join("\n")).as_bytes())?;
    for (command, answer) in commands.iter().zip(BufReader::new(client).lines()) {
        writeln!(io::stdout(), "client | {command}\nserver | {}", answer?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{Shutdown, SocketAddr};

    use super::*;

    type Client = BufReader<TcpStream>;

    /// A client that waits at most five seconds, because a failing test must end, too.
    fn connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.set_write_timeout(Some(Duration::from_secs(5)))?;
        Ok(BufReader::new(stream))
    }

    /// Sends some bytes, and reads the reply, a line.
    fn ask(client: &mut Client, bytes: &[u8]) -> io::Result<String> {
        client.get_mut().write_all(bytes)?;
        let mut answer = String::new();
        client.read_line(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn what_one_client_sets_another_one_gets() -> io::Result<()> {
        let server = server("127.0.0.1:0")?.spawn()?; // port 0: any free one
        let (mut ada, mut bob) =
            (connect(server.local_addr())?, connect(server.local_addr())?);
        assert_eq!(ask(&mut ada, b"SET colour light blue\r\n")?, "OK\n");
        assert_eq!(ask(&mut bob, b"GET colour\n")?, "OK light blue\n");
        assert_eq!(ask(&mut bob, b"DEL colour\n")?, "OK\n");
        assert_eq!(ask(&mut ada, b"GET colour\n")?, "NONE\n");
        assert_eq!(ask(&mut ada, b"COUNT\n")?, "OK 0\n");
        Ok(())
    }

    #[test]
    fn a_bad_line_is_answered_and_the_next_one_too() -> io::Result<()> {
        let server = server("127.0.0.1:0")?.spawn()?;
        let mut client = connect(server.local_addr())?;
        let long = [b'x'; 5000];
        assert!(ask(&mut client, &[&long[..], b"\n"].concat())?.starts_with("ERROR"));
        assert!(ask(&mut client, b"SET colour \xff\n")?.starts_with("ERROR"));
        assert_eq!(ask(&mut client, b"COUNT\n")?, "OK 0\n");
        Ok(())
    }

    // [half]
    #[test]
    fn half_a_command_is_not_done() -> io::Result<()> {
        let server = server("127.0.0.1:0")?.spawn()?;
        let mut ada = connect(server.local_addr())?;
        ask(&mut ada, b"SET price 1299\n")?;
        ada.get_mut().write_all(b"SET price 12")?; // and here the connection ends
        ada.get_mut().shutdown(Shutdown::Write)?;
        ada.read_to_string(&mut String::new())?; // until the server closes, too
        let mut bob = connect(server.local_addr())?;
        assert_eq!(ask(&mut bob, b"GET price\n")?, "OK 1299\n");
        Ok(())
    } // `server` is dropped: it stops, and the test waits for its end
    // [/half]

    #[test]
    fn a_client_that_never_reads_delays_no_other() -> io::Result<()> {
        let server = server("127.0.0.1:0")?.spawn()?;
        let mut stalled = connect(server.local_addr())?;
        ask(&mut stalled, format!("SET k {}\n", "v".repeat(1000)).as_bytes())?;
        stalled.get_mut().set_write_timeout(Some(Duration::from_millis(200)))?;
        // Its replies pile up until the server can't write, and so stops reading.
        while stalled.get_mut().write_all(&b"GET k\n".repeat(1000)).is_ok() {}
        let mut bob = connect(server.local_addr())?;
        assert_eq!(ask(&mut bob, b"COUNT\n")?, "OK 1\n");
        server.handle().shutdown_now(); // or the drain would wait for the stalled client
        Ok(())
    }
}
