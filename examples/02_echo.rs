//! Lesson 02: a TCP server that sends back what it reads, and its client.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use support::{Args, Lesson, actor, keep_trying, retry, say};

mod support;

fn main() -> ExitCode {
    Lesson::new("a server that sends back what it reads", demonstration)
        .ends("127.0.0.1:65432", serve, client)
        .words("[WORDS...]")
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    loop {
        if let Err(error) = serve_next_client(&listener) {
            say!("error: {error}"); // this client is lost; the next one is served
        }
    }
}

fn serve_next_client(listener: &TcpListener) -> io::Result<()> {
    let (stream, address) = keep_trying(|| listener.accept());
    say!("{address} connected");
    let count = echo(stream)?;
    say!("{address} left after {count} bytes");
    Ok(())
}
// [/serve]

// [echo]
fn echo(mut stream: TcpStream) -> io::Result<usize> {
    let mut data = [0; 1024];
    let mut total = 0;
    loop {
        let count = retry(|| stream.read(&mut data))?;
        if count == 0 {
            return Ok(total); // end of file: the client is done sending
        }
        stream.write_all(&data[..count])?;
        total += count;
    }
}
// [/echo]

fn client(args: &Args) -> io::Result<()> {
    ask(args.addr(), &args.message("Hello, world"))
}

// [client]
fn ask(address: &str, message: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(message.as_bytes())?;
    say!("sent     {message}");

    let mut answer = vec![0; message.len()];
    stream.read_exact(&mut answer)?; // as many reads as it takes
    say!("received {}", String::from_utf8_lossy(&answer));
    Ok(()) // dropping the stream closes it
}
// [/client]

fn demonstration(_: &Args) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any free one
    let address = listener.local_addr()?.to_string();
    let server = actor("server", move || serve_next_client(&listener))?;
    let client = actor("client", move || ask(&address, "Hello, world"))?;
    client.end()?;
    server.end()
}
