//! Lesson 18: one thread, many sockets: an echo server that waits for all at once.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use support::{Args, Echo, Lesson, PATIENCE, actor, echo, report, say};

mod support;

/// At most so many clients at once: each costs a file descriptor.
const MOST: usize = 240;

fn main() -> ExitCode {
    Lesson::new("18_select", "one thread, many sockets", demonstration)
        .ends("127.0.0.1:9018", serve, client)
        .words("[WORDS...]")
        .run()
}

struct Server {
    listener: TcpListener,
    clients: Vec<(TcpStream, Echo)>,
}

impl Server {
    fn new(addr: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: Vec::new() })
    }

    // [turn]
    /// Waits until something can be done, and does it. Returns how many were ready.
    fn turn(&mut self, timeout: Option<&Timespec>) -> io::Result<usize> {
        let room =
            if self.clients.len() < MOST { PollFlags::IN } else { PollFlags::empty() };
        let mut sockets = vec![PollFd::new(&self.listener, room)];
        for (stream, echo) in &self.clients {
            sockets.push(PollFd::new(stream, echo.waits_for()));
        }
        let count = rustix::io::retry_on_intr(|| poll(&mut sockets, timeout))?;

        let ready: Vec<PollFlags> = sockets.iter().map(PollFd::revents).collect();
        for ((stream, echo), ready) in self.clients.iter_mut().zip(&ready[1..]) {
            echo.go_on(stream, *ready);
        }
        self.clients.retain(|(_, echo)| !echo.is_over());
        if !ready[0].is_empty() {
            let (stream, address) = self.listener.accept()?;
            say!("{address} connected");
            stream.set_nonblocking(true)?;
            socket2::SockRef::from(&stream).set_out_of_band_inline(true)?;
            self.clients.push((stream, Echo::default()));
        }
        Ok(count)
    }
    // [/turn]
}

fn serve(args: &Args) -> io::Result<()> {
    let mut server = Server::new(args.addr())?;
    args.listening(server.listener.local_addr()?);
    loop {
        report(server.turn(None)); // an error of the listener ends nobody
    }
}

fn client(args: &Args) -> io::Result<()> {
    let mut stream = TcpStream::connect(args.addr())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    echo::ask(&mut stream, &args.message("Hello, world"))
}

fn demonstration(_: &Args) -> io::Result<()> {
    let mut server = Server::new("127.0.0.1:0")?;
    let address = server.listener.local_addr()?;
    let server = actor("server", move || {
        for ms in [0, 50] {
            let timeout = Timespec { tv_sec: 0, tv_nsec: ms * 1_000_000 };
            say!("waits {ms} ms: {} ready", server.turn(Some(&timeout))?);
        }
        let streams = (0..3).map(move |_| TcpStream::connect(address));
        let client = actor("client", || echo::ask_last_first(streams))?;
        say!("waits for ever: {} ready", server.turn(None)?);
        while !server.clients.is_empty() {
            server.turn(None)?;
        }
        client.end()
    })?;
    server.end()
}
