//! One message after another on connections that stay open.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::message::Message;
use super::{PATIENCE, Tally, Timing, connect, measure, wrong};
use crate::sample::Sample;
use crate::server::Server;

/// Measures `connections` clients that send a message, wait for its echo, and send the
/// next. One thread plays them all.
pub fn run(
    server: &mut Server,
    connections: usize,
    timing: Timing,
) -> io::Result<Sample> {
    let mut clients = Clients::connect(server.address, connections)?;
    clients.work(timing.warm_up)?;
    measure(server, || clients.work(timing.measure))
}

pub(super) struct Clients {
    poll: Poll,
    clients: Vec<Client>,
}

struct Client {
    stream: TcpStream,
    /// The message that is under way.
    message: Message,
    sent: Instant,
    /// What has arrived of its echo.
    reply: [u8; Message::SIZE],
    received: usize,
}

impl Clients {
    pub(super) fn connect(server: SocketAddr, count: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::new();
        for number in 0..count {
            let stream = connect(server, number)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(number), Interest::READABLE)?;
            let message = Message::first_of(number);
            let mut client = Client {
                stream,
                message,
                sent: Instant::now(),
                reply: [0; Message::SIZE],
                received: 0,
            };
            client.send()?;
            clients.push(client);
        }
        Ok(Self { poll, clients })
    }

    /// Goes on for `time`, and counts the replies.
    pub(super) fn work(&mut self, time: Duration) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut events = Events::with_capacity(1024);
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(wrong("the server does not answer"));
            }
            for event in &events {
                let Token(number) = event.token();
                if let Some(latency) = self.clients[number].receive()? {
                    tally.count(latency);
                }
            }
        }
        Ok(tally)
    }
}

impl Client {
    /// Reads what has arrived. When the echo is complete, records how long it took and
    /// sends the next message.
    fn receive(&mut self) -> io::Result<Option<Duration>> {
        match self.stream.read(&mut self.reply[self.received..]) {
            Ok(0) => return Err(wrong("the server closed the connection")),
            Ok(count) => self.received += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        if self.received < Message::SIZE {
            return Ok(None);
        }
        let latency = self.sent.elapsed();
        self.message.compare(&self.reply)?;
        self.message = self.message.next();
        self.send()?;
        Ok(Some(latency))
    }

    fn send(&mut self) -> io::Result<()> {
        self.received = 0;
        self.sent = Instant::now();
        // There's always space, because nothing else is under way.
        self.stream.write_all(&self.message.bytes())
    }
}
