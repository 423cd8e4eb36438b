//! WRONG: each silent client is disconnected at its own time
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

struct Client {
    stream: TcpStream,
    unsent: Vec<u8>,
    heard: Instant,
    is_over: bool,
}

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    listener.set_nonblocking(true)?;
    let idle = Duration::from_millis(crate::number("idle", 60_000) as u64);
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let due = clients.iter().map(|client| client.heard + idle).min();
        let left = due.map(|due| due.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: i64::from(left.subsec_nanos()),
        });
        let mut sockets = vec![PollFd::new(&listener, PollFlags::IN)];
        sockets.extend(clients.iter().map(|client| PollFd::new(&client.stream, client.flags())));
        poll(&mut sockets, left.as_ref())?;
        let ready: Vec<PollFlags> = sockets.iter().map(PollFd::revents).collect();
        for (client, ready) in clients.iter_mut().zip(&ready[1..]) {
            if !ready.is_empty() {
                client.go_on();
            }
        }
        if clients.iter().any(|client| client.heard.elapsed() >= idle) {
            clients.clear();
        }
        clients.retain(|client| !client.is_over);
        if !ready[0].is_empty() {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            let heard = Instant::now();
            clients.push(Client { stream, unsent: Vec::new(), heard, is_over: false });
        }
    }
}

impl Client {
    fn flags(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.unsent.len() < 65_536);
        flags.set(PollFlags::OUT, !self.unsent.is_empty());
        flags
    }

    fn go_on(&mut self) {
        let mut data = [0; 16 * 1024];
        if self.unsent.len() < 65_536 {
            match self.stream.read(&mut data) {
                Ok(0) => self.is_over = true,
                Ok(count) => {
                    self.heard = Instant::now();
                    self.unsent.extend_from_slice(&data[..count]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => self.is_over = true,
            }
        }
        match self.stream.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.is_over = true,
        }
    }
}
