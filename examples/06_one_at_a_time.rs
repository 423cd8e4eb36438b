//! Lesson 06: a server for one client at a time, and what a silent client does to it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use support::{Args, Lesson, PATIENCE, actor, ask, keep_trying, say};

mod support;

const HOUR: usize = 3_600_000; // ms

fn main() -> ExitCode {
    Lesson::new("one silent client stops everybody", demonstration)
        .ends("127.0.0.1:9006", serve, client)
        .words("[WORDS...]")
        .number_to("timeout", HOUR, 0, "server: ms to wait for a client; 0: forever")
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    loop {
        if let Err(error) = serve_next_client(&listener, args.number("timeout")) {
            say!("error: {error}"); // this client is lost; the next one is served
        }
    }
}

fn serve_next_client(listener: &TcpListener, ms: usize) -> io::Result<()> {
    let (stream, address) = keep_trying(|| listener.accept());
    say!("{address} connected");
    let timeout = (ms > 0).then(|| Duration::from_millis(ms as u64)); // or `None`
    stream.set_read_timeout(timeout)?;
    stream.set_write_timeout(timeout.or(Some(PATIENCE)))?; // it must read, too
    match io::copy(&mut &stream, &mut &stream) {
        Ok(count) => say!("{address} left after {count} bytes"),
        Err(error) => say!("{address} is cut off: {}", error.kind()),
    }
    Ok(())
}
// [/serve]

fn client(args: &Args) -> io::Result<()> {
    let mut stream = TcpStream::connect(args.addr())?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    if !args.words().is_empty() {
        return exchange(&mut stream, &args.message(""));
    }
    while let Some(line) = ask("Your line: ")? {
        exchange(&mut stream, &line)?;
    }
    Ok(())
}

fn exchange(stream: &mut TcpStream, message: &str) -> io::Result<()> {
    stream.write_all(message.as_bytes())?;
    say!("sent     {message}");
    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?;
    say!("received {}", String::from_utf8_lossy(&answer));
    Ok(())
}

fn demonstration(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any free one
    let (address, ms) = (listener.local_addr()?, args.number("timeout"));
    let both = move || (0..2).try_for_each(|_| serve_next_client(&listener, ms));
    let server = actor("server", both)?;
    let client = actor("client", move || two_clients(address))?;
    client.end()?;
    server.end()
}

// [clients]
fn two_clients(address: SocketAddr) -> io::Result<()> {
    let mut first = TcpStream::connect(address)?;
    first.write_all(b"Hello")?;
    first.read_exact(&mut [0; 5])?;
    say!("the first gets its reply, and then stays silent");
    let mut second = TcpStream::connect(address)?;
    second.set_read_timeout(Some(Duration::from_millis(1500)))?;
    if exchange(&mut second, "the second").is_err() {
        say!("no reply for 1.5 seconds, so now the first leaves");
        drop(first);
        second.read_exact(&mut [0; 10])?;
        say!("received the second");
    }
    Ok(())
}
// [/clients]
