//! Lesson 05: how a connection ends: one half, both halves, too early; socket options.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use support::{Args, Lesson, actor, keep_trying, retry, say};

mod support;

fn main() -> ExitCode {
    Lesson::new("how a connection ends", demonstration)
        .ends("127.0.0.1:9005", serve, client)
        .words("[WORDS...]")
        .flag("keep-open", "client: keep its half of the connection open")
        .run()
}

fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    loop {
        if let Err(error) = serve_next_client(&listener) {
            say!("error: {error}"); // this client is lost; the next one is served
        }
    }
}

// [serve]
fn serve_next_client(listener: &TcpListener) -> io::Result<()> {
    let (mut stream, address) = keep_trying(|| listener.accept());
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let count = io::copy(&mut stream, &mut io::sink())?; // reads until end of file
    say!("{address} sent {count} bytes, then end of file");
    stream.write_all(format!("{count} bytes").as_bytes())
} // `stream` is dropped here, and that closes the connection
// [/serve]

fn client(args: &Args) -> io::Result<()> {
    ask(args.addr(), &args.message("Hello, world"), args.flag("keep-open"))
}

// [client]
fn ask(address: &str, message: &str, keep_open: bool) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    stream.write_all(message.as_bytes())?;
    say!("sent     {message}");
    if !keep_open {
        stream.shutdown(Shutdown::Write)?; // "that was all": end of file for the server
    }
    let reply = io::read_to_string(stream)?; // the other half is still open
    say!("received {reply:?}");
    Ok(())
}
// [/client]

fn demonstration(_: &Args) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?; // port 0: any free one
    let (address, other) = (listener.local_addr()?.to_string(), listener.try_clone()?);
    let server = actor("server", move || serve_next_client(&other))?;
    let client = actor("client", move || ask(&address, "Hello, world", false))?;
    client.end()?;
    server.end()?;
    close_too_early(&listener)?;
    show_options(&TcpStream::connect(listener.local_addr()?)?)
}

// [early]
fn close_too_early(listener: &TcpListener) -> io::Result<()> {
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (mut server, _) = listener.accept()?;
    client.write_all(b"Hello, world")?;
    server.read_exact(&mut [0; 5])?;
    drop(server); // seven bytes are still unread
    let error = retry(|| client.read(&mut [0; 5])).map_err(|error| error.kind());
    say!("closed with 7 bytes unread; the other end reads {error:?}");
    Ok(())
}
// [/early]

// [options]
fn show_options(stream: &TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream); // the same socket, with more methods
    for when in ["at first:", "when set:"] {
        say!("{when} buffer {}", socket.recv_buffer_size()?);
        say!("  linger {:?}, wait {:?}", socket.linger()?, socket.read_timeout()?);
        say!("  no-delay {}, reuse {}", socket.tcp_nodelay()?, socket.reuse_address()?);
        socket.set_tcp_nodelay(true)?; // small pieces go out at once
        socket.set_linger(Some(Duration::ZERO))?; // dropping it sends a reset
        socket.set_reuse_address(true)?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        socket.set_recv_buffer_size(10_000)?;
    }
    Ok(())
}
// [/options]
