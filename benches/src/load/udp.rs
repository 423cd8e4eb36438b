//! Datagrams: there and back, as many as possible, and behind slow handlers.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, UdpSocket as Blocking};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};

use super::message::Message;
use super::{PATIENCE, Tally, Timing, measure, wrong};
use crate::sample::{Metric, Sample};
use crate::server::Server;

/// A datagram that has not come back after this time is lost, and another is sent.
const LOST: Duration = Duration::from_millis(200);

/// Measures `count` clients that each keep `in_flight` datagrams under way. One thread
/// plays them all.
pub fn run(
    server: &mut Server,
    count: usize,
    in_flight: usize,
    timing: Timing,
) -> io::Result<Sample> {
    let mut clients = Clients::new(server.address, count, in_flight)?;
    clients.work(timing.warm_up)?;
    clients.lost = 0;
    let mut sample = measure(server, || clients.work(timing.measure))?;
    sample.set(Metric::Lost, clients.lost as f64);
    Ok(sample)
}

struct Clients {
    poll: Poll,
    clients: Vec<Client>,
    lost: u64,
}

struct Client {
    socket: UdpSocket,
    /// How many messages to keep under way. It begins with one, and each reply adds one:
    /// all of them at once wouldn't fit into a socket's buffer.
    in_flight: usize,
    /// The messages under way, the oldest first.
    under_way: VecDeque<(Message, Instant)>,
    next: Message,
}

impl Clients {
    fn new(server: SocketAddr, count: usize, in_flight: usize) -> io::Result<Self> {
        let (poll, mut clients) = (Poll::new()?, Vec::new());
        for number in 0..count {
            let socket = connected(server)?;
            socket.set_nonblocking(true)?;
            let mut socket = UdpSocket::from_std(socket);
            poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
            let next = Message::first_of(number);
            let mut client =
                Client { socket, in_flight, under_way: VecDeque::new(), next };
            client.send()?;
            clients.push(client);
        }
        Ok(Self { poll, clients, lost: 0 })
    }

    fn work(&mut self, time: Duration) -> io::Result<Tally> {
        let mut tally = Tally::default();
        let mut events = Events::with_capacity(64);
        let mut now = Instant::now();
        let end = now + time;
        let mut check = now + LOST;
        while now < end {
            self.poll.poll(&mut events, Some(LOST))?;
            for event in &events {
                let Token(number) = event.token();
                self.clients[number].receive(&mut tally)?;
            }
            now = Instant::now();
            if now > check {
                check = now + LOST;
                for client in &mut self.clients {
                    self.lost += client.give_up(now)?;
                }
            }
        }
        Ok(tally)
    }
}

impl Client {
    fn send(&mut self) -> io::Result<()> {
        self.socket.send(&self.next.bytes())?;
        self.under_way.push_back((self.next, Instant::now()));
        self.next = self.next.next();
        Ok(())
    }

    /// Receives everything that has arrived, and sends at least as many messages.
    fn receive(&mut self, tally: &mut Tally) -> io::Result<()> {
        let mut reply = [0; Message::SIZE + 1];
        loop {
            let count = match self.socket.recv(&mut reply) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let message = Message::from_bytes(&reply[..count])?;
            let place = self.under_way.iter().position(|(sent, _)| *sent == message);
            // A message that comes back after we gave up on it doesn't count.
            let Some((_, sent)) = place.and_then(|place| self.under_way.remove(place))
            else {
                continue;
            };
            tally.count(sent.elapsed());
            self.send()?;
            if self.under_way.len() < self.in_flight {
                self.send()?;
            }
        }
    }

    /// Gives up on messages that should have come back long ago.
    fn give_up(&mut self, now: Instant) -> io::Result<u64> {
        let mut lost = 0;
        while self.under_way.front().is_some_and(|(_, sent)| now - *sent > LOST) {
            self.under_way.pop_front();
            self.send()?;
            lost += 1;
        }
        Ok(lost)
    }
}

/// Measures how many datagrams a second come back when `count` clients send as fast as
/// they can. One thread sends, one receives.
pub fn flood(server: &mut Server, count: usize, timing: Timing) -> io::Result<Sample> {
    let sockets =
        (0..count).map(|_| connected(server.address)).collect::<io::Result<Vec<_>>>()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let sender = scope.spawn(|| send_all_the_time(&sockets, &over));
        let result = receive_for(&sockets, timing.warm_up)
            .and_then(|_| measure(server, || receive_for(&sockets, timing.measure)));
        over.store(true, Ordering::Relaxed);
        let _ = sender.join();
        result
    })
}

fn send_all_the_time(sockets: &[Blocking], over: &AtomicBool) {
    let mut message = Message::first_of(0);
    for socket in sockets.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let _ = socket.send(&message.bytes()); // it's fine to lose some
        message = message.next();
    }
}

fn receive_for(sockets: &[Blocking], time: Duration) -> io::Result<Tally> {
    let mut poll = Poll::new()?;
    let mut receivers = Vec::new();
    for (number, socket) in sockets.iter().enumerate() {
        let socket = socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let mut socket = UdpSocket::from_std(socket);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        receivers.push(socket);
    }
    let mut tally = Tally::default();
    let mut events = Events::with_capacity(64);
    let end = Instant::now() + time;
    while Instant::now() < end {
        poll.poll(&mut events, Some(LOST))?;
        for event in &events {
            let Token(number) = event.token();
            let mut reply = [0; Message::SIZE + 1];
            while let Ok(count) = receivers[number].recv(&mut reply) {
                Message::from_bytes(&reply[..count])?;
                tally.operations += 1;
            }
        }
    }
    Ok(tally)
}

/// Measures how many of `count` datagrams come back that are sent all at once, by 16
/// clients.
pub fn burst(server: &mut Server, count: usize) -> io::Result<Sample> {
    let sockets =
        (0..16).map(|_| connected(server.address)).collect::<io::Result<Vec<_>>>()?;
    for socket in &sockets {
        socket2::SockRef::from(socket).set_recv_buffer_size(4 << 20)?; // ours lose none
    }
    let mut message = Message::first_of(0);
    exchange(&sockets[0], &message.bytes())?; // the server is there
    for socket in sockets.iter().cycle().take(count) {
        message = message.next();
        let _ = socket.send(&message.bytes()); // what is lost is lost
    }
    let mut served = 0;
    for (number, socket) in sockets.iter().enumerate() {
        // Those of the others have come by then.
        let time = if number == 0 { LOST } else { Duration::from_millis(1) };
        socket.set_read_timeout(Some(time))?;
        while socket.recv(&mut [0; Message::SIZE + 1]).is_ok() {
            served += 1;
        }
    }
    let mut sample = Sample::default();
    sample.set(Metric::Served, f64::from(served));
    Ok(sample)
}

/// Measures what happens behind `count` handlers that take 50 milliseconds each.
pub fn slow(server: &mut Server, count: usize) -> io::Result<Sample> {
    let sockets =
        (0..count).map(|_| connected(server.address)).collect::<io::Result<Vec<_>>>()?;
    let other = connected(server.address)?;
    let mut message = Message::first_of(0);
    exchange(&other, &message.bytes())?; // the server is there

    let begin = Instant::now();
    for some in sockets.chunks(10) {
        for socket in some {
            socket.send(b"slow")?;
        }
        thread::sleep(Duration::from_millis(1)); // more at once than the system has space for
    }
    let mut waits = Vec::new();
    for _ in 0..20 {
        let begin = Instant::now();
        message = message.next();
        exchange(&other, &message.bytes())?;
        waits.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    for socket in &sockets {
        socket.set_read_timeout(Some(Duration::from_secs(2)))?; // or it was lost
        receive(socket, b"slow")?;
    }
    let mut sample = Sample::default();
    sample.set(Metric::SlowTime, begin.elapsed().as_secs_f64() * 1e3);
    sample.set(Metric::FirstWait, waits[0]);
    sample.set(Metric::NextWait, waits[1..].iter().copied().fold(0.0, f64::max));
    Ok(sample)
}

fn connected(server: SocketAddr) -> io::Result<Blocking> {
    let socket = Blocking::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn exchange(socket: &Blocking, datagram: &[u8]) -> io::Result<()> {
    socket.send(datagram)?;
    receive(socket, datagram)
}

fn receive(socket: &Blocking, expected: &[u8]) -> io::Result<()> {
    let mut reply = [0; Message::SIZE + 1];
    let count = socket.recv(&mut reply)?;
    if reply[..count] == *expected { Ok(()) } else { Err(wrong("the reply is wrong")) }
}
