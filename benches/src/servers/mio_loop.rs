//! One thread and an event loop over `mio`, which is epoll on Linux: the limit of what's
//! possible without threads. It does nothing but echo.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use super::control::Control;
use super::{LARGE, SMALL, listen};
use crate::setup::{Setup, Task};

const LISTENER: Token = Token(usize::MAX);

struct Connection {
    stream: TcpStream,
    /// What was read and couldn't be written yet.
    unsent: Vec<u8>,
}

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    let listener = listen(setup)?;
    listener.set_nonblocking(true)?;
    Control::announce_unstoppable(listener.local_addr()?);
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;

    let mut connections = HashMap::new();
    let mut next = 0;
    let mut events = Events::with_capacity(1024);
    let mut data = vec![0; if setup.task == Task::Bulk { LARGE } else { SMALL }];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let both = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(next), both)?;
                    connections.insert(next, Connection { stream, unsent: Vec::new() });
                    next += 1;
                }
                continue;
            }
            let Token(key) = event.token();
            let Some(connection) = connections.get_mut(&key) else { continue };
            if connection.go_on(&mut data, event.is_read_closed()).is_err() {
                connections.remove(&key);
            }
        }
    }
}

impl Connection {
    /// Echoes until there's nothing to read or no space to write. An error means that the
    /// connection has ended.
    fn go_on(&mut self, data: &mut [u8], read_to_end: bool) -> io::Result<()> {
        loop {
            while !self.unsent.is_empty() {
                match self.stream.write(&self.unsent) {
                    Ok(count) => drop(self.unsent.drain(..count)),
                    Err(error) => return unless_would_block(error),
                }
            }
            let count = match self.stream.read(data) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) => return unless_would_block(error),
            };
            let sent = match self.stream.write(&data[..count]) {
                Ok(sent) => sent,
                Err(error) => {
                    unless_would_block(error)?;
                    0
                }
            };
            self.unsent.extend_from_slice(&data[sent..count]);
            // A short read emptied the socket. Another event comes with the next bytes.
            if count < data.len() && !read_to_end && self.unsent.is_empty() {
                return Ok(());
            }
        }
    }
}

fn unless_would_block(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) }
}
