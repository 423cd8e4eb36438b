//! WRONG: after three seconds, a silent client gets an error and end of file
use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socketserver::{LineError, RequestHandler, TcpRequest, ThreadedServer};

const LIMIT: Duration = Duration::from_secs(3);

#[derive(Clone, Default)]
struct Store {
    values: Arc<Mutex<HashMap<String, String>>>, // everybody's
}

impl RequestHandler for Store {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        loop {
            let mut line = String::new();
            request.set_deadline(LIMIT);
            let read = request.read_line(&mut line);
            request.set_deadline(None); // it would be for the answer, too
            let answer = match read {
                Ok(0) => return Ok(()),
                Ok(_) => self.answer(&line),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    writeln!(request, "ERROR this took too long")?;
                    return Err(io::Error::other("too long"));
                }
                Err(error) => match LineError::of(&error) {
                    Some(wrong) => format!("ERROR {wrong}"),
                    None => return Err(error),
                },
            };
            writeln!(request, "{answer}")?;
            if answer == "BYE" {
                return Ok(());
            }
        }
    }
}

impl Store {
    fn answer(&self, line: &str) -> String {
        let Some(command) = line.strip_suffix('\n') else {
            return "ERROR the line has no end".to_owned();
        };
        let words: Vec<&str> = command.trim_end_matches('\r').splitn(3, ' ').collect();
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        match words[..] {
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

pub(crate) fn main() -> io::Result<()> {
    let builder = ThreadedServer::builder().max_line(1024);
    let server = builder.tcp(&crate::addr()[..], Store::default())?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
