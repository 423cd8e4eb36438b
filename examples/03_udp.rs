//! Lesson 03: a UDP server that replies to each datagram, and its client.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

use support::{Args, Lesson, PATIENCE, actor, any_of, keep_trying, say, within};

mod support;

fn main() -> ExitCode {
    Lesson::new("a server that replies to each datagram with OK...", demonstration)
        .ends("127.0.0.1:8888", serve, client)
        .words("[WORDS...]")
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let socket = UdpSocket::bind(args.addr())?;
    args.listening(socket.local_addr()?);
    loop {
        if let Err(error) = reply_to_next_datagram(&socket) {
            say!("error: {error}"); // one datagram is lost; the next one gets its reply
        }
    }
}

fn reply_to_next_datagram(socket: &UdpSocket) -> io::Result<()> {
    let mut data = [0; 65_535]; // no datagram is longer than this
    let (count, client) = keep_trying(|| socket.recv_from(&mut data));
    say!("{client} sent {count} bytes");
    let reply = [b"OK...", &data[..count]].concat();
    socket.send_to(&reply, client)?;
    Ok(())
}
// [/serve]

// [client]
fn ask(server: SocketAddr, message: &str) -> io::Result<()> {
    let any_port = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any_port)?;
    socket.connect(server)?; // sends nothing: it sets where `send` sends to
    say!("sends    {message:?}");
    socket.send(message.as_bytes())?;

    let mut data = [0; 65_535];
    let count = within(PATIENCE, |left| {
        socket.set_read_timeout(left)?; // what is left of five seconds
        socket.recv(&mut data)
    })?;
    say!("received {:?}", String::from_utf8_lossy(&data[..count]));
    Ok(())
}
// [/client]

fn client(args: &Args) -> io::Result<()> {
    let message = args.message("Hello, world");
    any_of(args.addr(), |server| ask(server, &message)) // a name can stand for several
}

fn demonstration(_: &Args) -> io::Result<()> {
    let messages = ["Hello, world", "", "Goodbye"];
    let socket = UdpSocket::bind("127.0.0.1:0")?; // port 0: any free one
    let address = socket.local_addr()?;
    let server = actor("server", move || {
        messages.iter().try_for_each(|_| reply_to_next_datagram(&socket))
    })?;
    let client = actor("client", move || {
        messages.iter().try_for_each(|message| ask(address, message))
    })?;
    server.end()?;
    client.end()
}
