//! Lesson 01: a TCP server that greets every client that connects, and its client.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use support::{Args, Lesson, actor, keep_trying, say};

mod support;

const GREETING: &[u8] = b"Thank you for connecting";

fn main() -> ExitCode {
    Lesson::new("a server that greets every client", demonstration)
        .ends("127.0.0.1:1234", serve, client)
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?; // socket, bind and listen
    args.listening(listener.local_addr()?);
    loop {
        if let Err(error) = greet_next_client(&listener) {
            say!("error: {error}"); // this client is lost; the next one is greeted
        }
    }
}
// [/serve]

// [greet]
fn greet_next_client(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, address) = keep_trying(|| listener.accept()); // waits for a client
    say!("{address} connected");
    stream.write_all(GREETING)
} // `stream` is dropped here, and that closes the connection
// [/greet]

fn client(args: &Args) -> io::Result<()> {
    listen_to(args.addr())
}

// [client]
fn listen_to(address: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut greeting = Vec::new();
    stream.read_to_end(&mut greeting)?; // until the server closes
    say!("received {}", String::from_utf8_lossy(&greeting));
    Ok(())
}
// [/client]

fn demonstration(_: &Args) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any free one
    let address = listener.local_addr()?.to_string();
    let server = actor("server", move || greet_next_client(&listener))?;
    let client = actor("client", move || listen_to(&address))?;
    server.end()?;
    client.end()
}
