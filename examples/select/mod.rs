//! One client of lesson 18's echo server, which must never wait: what the client sent and
//! hasn't got back.
//!
//! There is no socket here: an [`Echo`] works with anything that can be read and written,
//! and that returns [`WouldBlock`](ErrorKind::WouldBlock) instead of waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use rustix::event::{PollFlags, Timespec};

use crate::support::{retry, say};

/// How many bytes can wait to be sent, before we stop reading from the client.
const LIMIT: usize = 64 * 1024;

/// The flag for a byte that was sent as urgent. (Windows has another name for it.)
const URGENT: PollFlags = if cfg!(windows) { PollFlags::RDBAND } else { PollFlags::PRI };

// [state]
/// What a client's thread would keep in its variables, and in the line that it is at.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// Bytes that were read and not yet sent back.
    unsent: Vec<u8>,
    /// Whether the client is done sending.
    at_end: bool,
}
// [/state]

impl Echo {
    // [waits_for]
    /// What to watch this client for.
    pub(crate) fn waits_for(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | URGENT, self.has_room());
        flags.set(PollFlags::OUT, !self.unsent.is_empty());
        flags
    }
    // [/waits_for]

    /// Whether there is space for more bytes from the client.
    fn has_room(&self) -> bool {
        !self.at_end && self.unsent.len() < LIMIT
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.at_end && self.unsent.is_empty()
    }

    /// Does what can be done, according to `ready`. An error ends this client only.
    pub(crate) fn go_on(&mut self, stream: &mut (impl Read + Write), ready: PollFlags) {
        if ready.is_empty() {
            return;
        }
        if ready.contains(URGENT) {
            say!("something urgent has come");
        }
        match retry(|| self.read_and_write(stream)) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => {
                say!("error: {error}");
                *self = Self { unsent: Vec::new(), at_end: true };
            }
            _ => {}
        }
    }

    // [go_on]
    /// Reads once, if there is space, and writes once, if there is something to write.
    fn read_and_write(&mut self, stream: &mut (impl Read + Write)) -> io::Result<()> {
        if self.has_room() {
            let mut data = [0; 16 * 1024];
            match stream.read(&mut data) {
                Ok(0) => self.at_end = true,
                Ok(count) => self.unsent.extend_from_slice(&data[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        if !self.unsent.is_empty() {
            let count = stream.write(&self.unsent)?;
            self.unsent.drain(..count); // the rest stays for the next time
        }
        Ok(())
    }
    // [/go_on]
}

/// What to watch the listener for: a new client, if there is room for one.
pub(crate) fn reads_if(room: bool) -> PollFlags {
    if room { PollFlags::IN } else { PollFlags::empty() }
}

/// A time in the form that `poll` takes.
pub(crate) fn timespec(time: Option<Duration>) -> Option<Timespec> {
    time.and_then(|time| Timespec::try_from(time).ok())
}

/// Sends something, and waits until it has come back.
///
/// # Errors
///
/// Those of writing and reading, and end of file, if it comes too early.
pub(crate) fn ask(stream: &mut (impl Read + Write), message: &str) -> io::Result<()> {
    stream.write_all(message.as_bytes())?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    say!("received {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// Opens all connections, and then uses each, the last one first.
///
/// # Errors
///
/// Those of the connections, and those of [`ask`].
pub(crate) fn ask_last_first<S: Read + Write>(
    connections: impl Iterator<Item = io::Result<S>>,
) -> io::Result<()> {
    let mut all = connections.collect::<io::Result<Vec<S>>>()?;
    for (number, stream) in all.iter_mut().enumerate().rev() {
        ask(stream, &format!("Hello from connection {}", number + 1))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that has sent all of `says`, and takes as many bytes as it has room for.
    #[derive(Default)]
    struct Client {
        says: Vec<u8>,
        silent: bool,
        room: usize,
        got: Vec<u8>,
    }

    impl Read for Client {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.says.is_empty() && self.silent {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = self.says.len().min(buffer.len());
            buffer[..count].copy_from_slice(&self.says[..count]);
            self.says.drain(..count);
            Ok(count)
        }
    }

    impl Write for Client {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.room == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = self.room.min(bytes.len());
            self.room -= count;
            self.got.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_part_that_was_not_taken_is_kept() {
        let mut client = Client {
            says: b"Hello".to_vec(),
            silent: true,
            room: 2,
            ..Client::default()
        };
        let mut echo = Echo::default();
        echo.go_on(&mut client, PollFlags::IN);
        assert_eq!((&client.got[..], &echo.unsent[..]), (&b"He"[..], &b"llo"[..]));
        echo.go_on(&mut client, PollFlags::IN); // no space, but nothing is lost
        assert_eq!(echo.unsent, b"llo");
        client.room = 10;
        echo.go_on(&mut client, PollFlags::IN);
        assert_eq!((&client.got[..], &echo.unsent[..]), (&b"Hello"[..], &b""[..]));
        assert!(!echo.is_over());
    }

    #[test]
    fn a_client_that_does_not_read_is_not_read_from_either() {
        let mut client = Client { says: vec![7; 10_000_000], ..Client::default() };
        let mut echo = Echo::default();
        for _ in 0..1000 {
            echo.go_on(&mut client, PollFlags::IN);
        }
        assert!(!echo.has_room() && echo.unsent.len() < LIMIT + 16 * 1024);
        client.room = usize::MAX;
        while !echo.is_over() {
            echo.go_on(&mut client, PollFlags::IN);
        }
        assert_eq!(client.got.len(), 10_000_000);
    }

    #[test]
    fn after_the_end_of_file_the_rest_is_still_sent() {
        let mut client = Client { says: b"Hello".to_vec(), ..Client::default() };
        let mut echo = Echo::default();
        echo.go_on(&mut client, PollFlags::IN);
        echo.go_on(&mut client, PollFlags::IN);
        assert!(!echo.has_room() && !echo.is_over(), "all is read, nothing is sent");
        client.room = 10;
        echo.go_on(&mut client, PollFlags::IN);
        assert!(echo.is_over());
        assert_eq!(client.got, b"Hello");
    }

    #[test]
    fn an_error_is_the_end() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::ConnectionReset.into())
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut echo = Echo::default();
        echo.go_on(&mut Broken, PollFlags::IN);
        assert!(echo.is_over());
    }
}
