//! Lesson 09: a server with a thread for each client. It sends back reversed bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread::{self, Builder};
use std::time::Duration;

use support::{Args, BackOff, Doing, Lesson, PATIENCE};
use support::{actor, ask, ask_yes_or_no, keep_trying, report, retry, say, span};

mod support;

fn main() -> ExitCode {
    Lesson::new("a thread for each client", demonstration)
        .ends("127.0.0.1:12345", serve, client)
        .words("[WORDS...]")
        .timeline()
        .run()
}

fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    serve_clients(&listener, usize::MAX)
}

// [serve]
fn serve_clients(listener: &TcpListener, count: usize) -> io::Result<()> {
    let mut threads = BackOff::default();
    thread::scope(|scope| {
        for number in 1..=count {
            let client = keep_trying(|| listener.accept());
            let thread = Builder::new().name(format!("thread {number}"));
            let spawned = thread.spawn_scoped(scope, || report(attend(client)));
            threads.after(spawned); // no thread? Then only this client is lost
        }
        Ok(())
    })
}
// [/serve]

// [attend]
fn attend((mut stream, address): (TcpStream, SocketAddr)) -> io::Result<()> {
    let _span = span(Doing::Serving);
    say!("{address} connected");
    let mut data = [0; 1024];
    while let count @ 1.. = retry(|| stream.read(&mut data))? {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    say!("{address} left");
    Ok(())
}
// [/attend]

// [client]
fn client(args: &Args) -> io::Result<()> {
    let stream = TcpStream::connect(args.addr())?;
    let mut line = args.words_or_ask("Your line: ")?;
    while let Some(text) = line {
        talk(&stream, &text)?;
        let goes_on = ask_yes_or_no("Do you want to continue (y/n): ")?;
        line = if goes_on == Some(true) { ask("Your line: ")? } else { None };
    }
    Ok(())
}

fn talk(mut stream: &TcpStream, line: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer)?;
    say!("received {}", String::from_utf8_lossy(&answer));
    Ok(())
}
// [/client]

// [demonstration]
fn demonstration(_: &Args) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = actor("server", move || serve_clients(&listener, 3))?;
    let silent = TcpStream::connect(address)?; // the first client says nothing yet
    let two = actor("client 2", move || visit(TcpStream::connect(address)?, "Hello"))?;
    let three = actor("client 3", move || visit(TcpStream::connect(address)?, "été"))?;
    two.end()?;
    three.end()?;
    actor("client 1", move || visit(silent, "At last"))?.end()?;
    server.end()
}

fn visit(stream: TcpStream, line: &str) -> io::Result<()> {
    talk(&stream, line)?;
    thread::sleep(Duration::from_millis(100)); // stays a moment
    Ok(())
}
// [/demonstration]
