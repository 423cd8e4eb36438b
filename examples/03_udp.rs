//! Lesson 03: a UDP server that answers each datagram, and its client.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use support::{Args, Lesson, actor, say};

mod support;

fn main() -> ExitCode {
    Lesson::new(
        "03_udp",
        "a server that answers each datagram with OK...",
        demonstration,
    )
    .ends("127.0.0.1:8888", serve, client)
    .words("[WORDS...]")
    .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let socket = UdpSocket::bind(args.addr())?;
    args.listening(socket.local_addr()?);
    loop {
        if let Err(error) = answer_next_datagram(&socket) {
            say!("error: {error}"); // one datagram is lost, the next one is answered
        }
    }
}

fn answer_next_datagram(socket: &UdpSocket) -> io::Result<()> {
    let mut data = [0; 65_535]; // no datagram is longer than this
    let (count, client) = socket.recv_from(&mut data)?;
    say!("{client} sent {count} bytes");
    let answer = [b"OK...", &data[..count]].concat();
    socket.send_to(&answer, client)?;
    Ok(())
}
// [/serve]

// [client]
fn ask(server: SocketAddr, message: &str) -> io::Result<()> {
    let any_port = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any_port)?;
    socket.connect(server)?; // sends nothing: it notes where `send` sends to
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;

    say!("sends    {message:?}");
    socket.send(message.as_bytes())?;
    let mut data = [0; 65_535];
    let count = socket.recv(&mut data)?;
    say!("received {:?}", String::from_utf8_lossy(&data[..count]));
    Ok(())
}
// [/client]

fn client(args: &Args) -> io::Result<()> {
    let mut servers = args.addr().to_socket_addrs()?; // a name may stand for several
    let server = servers.next().ok_or(io::ErrorKind::NotFound)?;
    ask(server, &args.message("Hello, world"))
}

fn demonstration(_: &Args) -> io::Result<()> {
    let messages = ["Hello, world", "", "Goodbye"];
    let socket = UdpSocket::bind("127.0.0.1:0")?; // port 0: any free one
    let address = socket.local_addr()?;
    let server = actor("server", move || {
        messages.iter().try_for_each(|_| answer_next_datagram(&socket))
    })?;
    let client = actor("client", move || {
        messages.iter().try_for_each(|message| ask(address, message))
    })?;
    server.end()?;
    client.end()
}
