//! Lesson 18: an echo server with one thread that waits for many sockets at once.

use std::net::{TcpListener, TcpStream};
use std::{io, process::ExitCode, time::Duration};

use rustix::event::{PollFd, PollFlags, poll};
use support::{Args, BackOff, Lesson, PATIENCE, actor, keep_trying, say, within};

mod select;
mod support;

/// The most clients at once: each takes a file descriptor.
const MOST: usize = 240;

fn main() -> ExitCode {
    Lesson::new("one thread, many sockets", demonstration)
        .ends("127.0.0.1:9018", serve, client)
        .words("[WORDS...]")
        .run()
}

struct Server {
    listener: TcpListener,
    clients: Vec<(TcpStream, select::Echo)>,
    back_off: BackOff, // out of file descriptors: accept no client for a while
}

impl Server {
    fn new(addr: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, clients: Vec::new(), back_off: BackOff::default() })
    }

    // [turn]
    /// Waits until a socket is ready, and does what can be done. Returns how many were.
    fn turn(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        let pause = self.back_off.left();
        let room = pause.is_none() && self.clients.len() < MOST;
        let mut sockets = vec![PollFd::new(&self.listener, select::reads_if(room))];
        for (stream, echo) in &self.clients {
            sockets.push(PollFd::new(stream, echo.waits_for()));
        }
        let wait = |left| poll(&mut sockets, select::timespec(left).as_ref());
        let count = within(pause.or(timeout), wait)?; // a pause comes before `timeout`

        let ready: Vec<PollFlags> = sockets.iter().map(PollFd::revents).collect();
        for ((stream, echo), ready) in self.clients.iter_mut().zip(&ready[1..]) {
            echo.go_on(stream, *ready);
        }
        self.clients.retain(|(_, echo)| !echo.is_over());
        let next = (!ready[0].is_empty()).then(|| self.listener.accept());
        if let Some((stream, address)) = next.and_then(|it| self.back_off.check(it)) {
            say!("{address} connected");
            stream.set_nonblocking(true)?;
            socket2::SockRef::from(&stream).set_out_of_band_inline(true)?;
            self.clients.push((stream, select::Echo::default()));
        }
        Ok(count)
    }
    // [/turn]
}

fn serve(args: &Args) -> io::Result<()> {
    let mut server = Server::new(args.addr())?;
    args.listening(server.listener.local_addr()?);
    loop {
        keep_trying(|| server.turn(None)); // no client is lost if `poll` fails
    }
}

fn client(args: &Args) -> io::Result<()> {
    let mut stream = TcpStream::connect(args.addr())?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    select::ask(&mut stream, &args.message("Hello, world"))
}

fn demonstration(_: &Args) -> io::Result<()> {
    let mut server = Server::new("127.0.0.1:0")?;
    let address = server.listener.local_addr()?;
    actor("server", move || {
        say!("waits 0 ms: {} ready", server.turn(Some(Duration::ZERO))?);
        say!("waits 50 ms: {} ready", server.turn(Some(Duration::from_millis(50)))?);
        let streams = (0..3).map(move |_| TcpStream::connect(address));
        let client = actor("client", || select::ask_last_first(streams))?;
        say!("waits forever: {} ready", server.turn(None)?);
        while !server.clients.is_empty() {
            server.turn(None)?;
        }
        client.end()
    })?
    .end()
}
