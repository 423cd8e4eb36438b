//! Lesson 18's client of an echo server that must never wait: what it said and has not
//! got back.
//!
//! No socket here: an [`Echo`] works with anything that can be read and written, and that
//! says [`WouldBlock`](ErrorKind::WouldBlock) instead of waiting.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use rustix::event::{PollFlags, Timespec};

use crate::support::{retry, say};

/// How much may wait to be sent, in bytes. A client that reads nothing gets no more.
const LIMIT: usize = 64 * 1024;

/// What is neither reading nor writing: a byte that was sent as urgent. (Windows has
/// another name for it.)
const URGENT: PollFlags = if cfg!(windows) { PollFlags::RDBAND } else { PollFlags::PRI };

// [state]
/// What the thread of a client would know by where it stands, and by its variables.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    /// Read, and not yet sent back.
    unsent: Vec<u8>,
    /// The client has nothing more to say.
    at_end: bool,
}
// [/state]

impl Echo {
    // [waits_for]
    /// What this client is to be woken for.
    pub(crate) fn waits_for(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | URGENT, self.has_room());
        flags.set(PollFlags::OUT, !self.unsent.is_empty());
        flags
    }
    // [/waits_for]

    /// Whether there is room for more of what the client says.
    fn has_room(&self) -> bool {
        !self.at_end && self.unsent.len() < LIMIT
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.at_end && self.unsent.is_empty()
    }

    /// Does what `ready` says can be done now. An error is the end of this client.
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
    /// Reads once, if there is room, and writes once, if there is something to write.
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
            self.unsent.drain(..count); // what was not taken stays for the next time
        }
        Ok(())
    }
    // [/go_on]
}

/// What a listener is to be woken for: a client, if there is room for one.
pub(crate) fn reads_if(room: bool) -> PollFlags {
    if room { PollFlags::IN } else { PollFlags::empty() }
}

/// A time as `poll` takes it.
pub(crate) fn timespec(time: Option<Duration>) -> Option<Timespec> {
    time.and_then(|time| Timespec::try_from(time).ok())
}

/// Says something and waits until it has come back.
///
/// # Errors
///
/// Those of writing and reading; the end of file among them, if it comes too early.
pub(crate) fn ask(stream: &mut (impl Read + Write), message: &str) -> io::Result<()> {
    stream.write_all(message.as_bytes())?;
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    say!("received {}", String::from_utf8_lossy(&answer));
    Ok(())
}

/// Opens all connections, then asks on each, the last one first.
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

    /// A client that has said all of `says`, and takes as many bytes as it has room for.
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
        echo.go_on(&mut client, PollFlags::IN); // no room: nothing is lost
        assert_eq!(echo.unsent, b"llo");
        client.room = 10;
        echo.go_on(&mut client, PollFlags::IN);
        assert_eq!((&client.got[..], &echo.unsent[..]), (&b"Hello"[..], &b""[..]));
        assert!(!echo.is_over());
    }

    #[test]
    fn who_does_not_read_is_not_read_either() {
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
