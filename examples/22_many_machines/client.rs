//! The client of lesson 14, which goes to another server when its own is gone.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::screen;
use crate::support::address::checked_address;
use crate::support::{Args, PATIENCE, mistake};

/// What is typed, and where it goes.
#[derive(Default)]
struct Typed {
    /// The server of the moment; `None` between two of them.
    server: Mutex<Option<TcpStream>>,
    /// The last `/nick NAME`, for the next server.
    nick: Mutex<Vec<u8>>,
    /// Whether no more will be typed, or `/quit` was.
    has_ended: Mutex<bool>,
}

// [client]
/// Talks to the first server that answers. If that goes away, the next one's turn comes.
pub(crate) fn client(args: &Args) -> io::Result<()> {
    let also = args.text("also").into_iter().flat_map(|also| also.split(','));
    let addresses: Vec<&str> = [args.addr()].into_iter().chain(also).collect();
    for address in &addresses {
        checked_address((*address).to_owned(), false).map_err(mistake)?;
    }
    let typed = Arc::new(Typed::default());
    let (mut turn, mut server) = find(&addresses, 0, Duration::ZERO)?;
    {
        let (typed, first) = (Arc::clone(&typed), server.try_clone()?);
        *typed.server.lock() = Some(first);
        thread::spawn(move || typed.pass_on());
    }
    loop {
        let is_over = listen(&server)?;
        *typed.server.lock() = None;
        if is_over || *typed.has_ended.lock() || addresses.len() == 1 {
            return Ok(());
        }
        (turn, server) = find(&addresses, turn + 1, PATIENCE)?;
        screen::show(&format!("-- now at {}", addresses[turn % addresses.len()]));
        let nick = typed.nick.lock().clone();
        let _ = (&server).write_all(&nick); // if it is gone again, `listen` notices
        *typed.server.lock() = Some(server.try_clone()?);
    }
}
// [/client]

/// Shows what the room says, to its end. Says whether it said goodbye to us.
fn listen(server: &TcpStream) -> io::Result<bool> {
    let mut is_over = false;
    for line in BufReader::new(server).split(b'\n').map_while(Result::ok) {
        is_over = line == b"-- goodbye" || line == b"-- disconnected: you do not read";
        screen::show(&String::from_utf8_lossy(&line));
    }
    Ok(is_over)
}

/// The first server that answers, from number `turn` on; they are asked for `patience`, and
/// once at least.
fn find(
    addresses: &[&str],
    turn: usize,
    patience: Duration,
) -> io::Result<(usize, TcpStream)> {
    let until = Instant::now() + patience;
    loop {
        let mut first_error = None;
        for turn in turn..turn + addresses.len() {
            match TcpStream::connect(addresses[turn % addresses.len()]) {
                Ok(server) => return Ok((turn, server)),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if Instant::now() >= until {
            let error = first_error.unwrap_or_else(|| io::ErrorKind::NotFound.into());
            return Err(match addresses {
                [_] => error,
                all => mistake(format!(
                    "Nobody answers at {}.\nStart a server there, or name another one.",
                    all.join(" or ")
                )),
            });
        }
        thread::sleep(Duration::from_millis(100));
    }
}

impl Typed {
    /// Passes on what is typed. A line that is typed between two servers waits.
    fn pass_on(&self) {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            let line = [line, b"\n".to_vec()].concat();
            if line.starts_with(b"/nick ") {
                self.nick.lock().clone_from(&line);
            }
            *self.has_ended.lock() |= line.trim_ascii() == b"/quit";
            self.with_server(|server| {
                let _ = server.write_all(&line);
            });
        }
        *self.has_ended.lock() = true;
        self.with_server(|server| {
            let _ = server.shutdown(Shutdown::Write); // the room says goodbye
        });
    }

    /// Does something with the server, as soon as there is one.
    fn with_server(&self, with: impl Fn(&mut TcpStream)) {
        loop {
            if let Some(server) = &mut *self.server.lock() {
                return with(server);
            }
            thread::sleep(Duration::from_millis(20)); // the program ends if none comes
        }
    }
}
