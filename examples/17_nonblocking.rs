//! Lesson 17: a socket that never waits, and returns `WouldBlock` instead.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::{process::ExitCode, time::Duration};

use nonblocking::Calls;
use support::{Args, Lesson, PATIENCE, actor, keep_trying, report, say};

mod nonblocking;
mod support;

fn main() -> ExitCode {
    Lesson::new("`WouldBlock` is an answer", demonstration)
        .ends("127.0.0.1:9017", serve, client)
        .words("[WORDS...]")
        .flag("blocking", "ends: wait inside each call, as ordinary sockets do")
        .run()
}

// [receive]
fn receive(mut stream: &TcpStream, calls: &mut Calls) -> io::Result<usize> {
    let mut data = [0; 64 * 1024];
    let mut total = 0;
    loop {
        match calls.time(|| stream.read(&mut data)) {
            Ok(0) => return Ok(total), // end of file
            Ok(count) => total += count,
            // Nothing has come yet: ask again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => calls.wasted()?,
            Err(error) => return Err(error),
        }
    }
}
// [/receive]

// [send]
fn send(mut stream: &TcpStream, mut rest: &[u8], calls: &mut Calls) -> io::Result<()> {
    while !rest.is_empty() {
        match calls.time(|| stream.write(rest)) {
            Ok(count) => rest = &rest[count..], // it took a part; the rest is ours
            // There is no space now: ask again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => calls.wasted()?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
// [/send]

// [prepare]
fn prepare(stream: TcpStream, blocking: bool) -> io::Result<TcpStream> {
    stream.set_nonblocking(!blocking)?;
    stream.set_read_timeout(Some(PATIENCE))?; // (timeouts are for calls that wait)
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
// [/prepare]

fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    loop {
        report(serve_one(&listener, args.flag("blocking"), 0));
    }
}

/// Serves a client, after doing something else for `busy` milliseconds.
fn serve_one(listener: &TcpListener, blocking: bool, busy: u64) -> io::Result<()> {
    let stream = prepare(keep_trying(|| listener.accept()).0, blocking)?;
    std::thread::sleep(Duration::from_millis(busy));
    let mut calls = Calls::new("read");
    let count = receive(&stream, &mut calls)?;
    say!("{count} bytes came\n{calls}");
    Ok(())
}

fn client(args: &Args) -> io::Result<()> {
    ask(args.addr(), &args.message(&"x".repeat(16_000_000)), args.flag("blocking"))
}

fn ask(address: &str, message: &str, blocking: bool) -> io::Result<()> {
    let stream = prepare(TcpStream::connect(address)?, blocking)?;
    let mut calls = Calls::new("write");
    send(&stream, message.as_bytes(), &mut calls)?;
    say!("{} bytes sent\n{calls}", message.len());
    Ok(())
}

fn demonstration(_: &Args) -> io::Result<()> {
    for blocking in [true, false] {
        say!("{}", if blocking { "blocking:" } else { "non-blocking:" });
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let server = actor("server", move || serve_one(&listener, blocking, 100))?;
        let message = "x".repeat(16_000_000);
        let client = actor("client", move || ask(&address, &message, blocking))?;
        client.end().and(server.end())?;
    }
    Ok(())
}
