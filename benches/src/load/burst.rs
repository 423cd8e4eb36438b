//! A thousand clients at once.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::message::Message;
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// How long the clients wait, in all.
const LIMIT: Duration = Duration::from_secs(5);

/// Measures how long it takes until `count` clients that connect at the same moment
/// have each been answered.
pub fn run(server: &mut Server, count: usize) -> io::Result<Sample> {
    let mut poll = Poll::new()?;
    let mut clients = Vec::new();
    let begin = Instant::now();
    for number in 0..count {
        let mut stream = TcpStream::connect(server.address)?;
        let both = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(number), both)?;
        clients.push(Some((stream, false)));
    }
    let mut served = 0;
    let mut events = Events::with_capacity(1024);
    while served < count && begin.elapsed() < LIMIT {
        poll.poll(&mut events, Some(LIMIT.saturating_sub(begin.elapsed())))?;
        for event in &events {
            let Token(number) = event.token();
            let Some((stream, has_sent)) = &mut clients[number] else { continue };
            let message = Message::first_of(number);
            if event.is_writable() && !*has_sent && stream.peer_addr().is_ok() {
                stream.write_all(&message.bytes())?;
                *has_sent = true;
            }
            let mut reply = [0; Message::SIZE];
            match stream.read(&mut reply) {
                Ok(1..) => {
                    message.compare(&reply)?;
                    served += 1;
                    clients[number] = None;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A client that was rejected hasn't been served.
                Ok(0) | Err(_) => clients[number] = None,
            }
        }
    }
    let mut sample = Sample::default();
    sample.set(Metric::Seconds, begin.elapsed().as_secs_f64());
    sample.set(Metric::Served, served as f64);
    Ok(sample)
}
