//! Lesson 12: the library on UDP. A handler for each datagram, and no connection.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use socketserver::{RequestHandler, ThreadedServer, UdpRequest};
use support::{Args, Lesson, PATIENCE, actor, any_of, say, within};

mod support;

fn main() -> ExitCode {
    Lesson::new("a handler for each datagram", demonstration)
        .ends("127.0.0.1:9999", serve, client)
        .words("[WORDS...]")
        .number_to("nap", 60_000, 0, "serve: sleep N ms for each `slow` datagram")
        .run()
}

// [handler]
#[derive(Clone)]
struct Upper {
    nap: Duration,
}

impl RequestHandler<UdpRequest> for Upper {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let text = strip(request.data());
        say!("{} sent {} bytes", request.client_address(), request.data().len());
        if text.starts_with(b"slow") {
            thread::sleep(self.nap);
        }
        request.reply(&text.to_ascii_uppercase())
    }
}
// [/handler]

// [strip]
/// What Python's `strip` leaves: no white space at either end.
fn strip(data: &[u8]) -> &[u8] {
    let is_ink = |byte: &u8| !byte.is_ascii_whitespace() && *byte != b'\x0b';
    let Some(begin) = data.iter().position(is_ink) else { return &[] };
    let end = data.iter().rposition(is_ink).map_or(begin, |last| last + 1);
    &data[begin..end]
}
// [/strip]

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let upper = Upper { nap: Duration::from_millis(args.number("nap") as u64) };
    let server = ThreadedServer::udp(args.addr(), upper)?;
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    server.serve_forever()
}
// [/serve]

fn client(args: &Args) -> io::Result<()> {
    let message = args.message("Hello, world");
    any_of(args.addr(), |server| receive(&send(server, &message)?))
}

// [client]
/// Sends a datagram; returns the socket for the reply, and the time of sending.
fn send(server: SocketAddr, message: &str) -> io::Result<(UdpSocket, Instant)> {
    let any_port = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any_port)?;
    socket.connect(server)?; // sends nothing, but sets where `send` will send to
    say!("sends    {message:?}");
    let begin = Instant::now();
    socket.send(message.as_bytes())?;
    Ok((socket, begin))
}

fn receive((socket, begin): &(UdpSocket, Instant)) -> io::Result<()> {
    let mut data = [0; 65_535];
    let count = within(PATIENCE, |left| {
        socket.set_read_timeout(left)?;
        socket.recv(&mut data)
    })?;
    let answer = String::from_utf8_lossy(&data[..count]);
    say!("received {answer:?} after {} ms", begin.elapsed().as_millis());
    Ok(())
}
// [/client]

// [demonstration]
fn demonstration(_: &Args) -> io::Result<()> {
    let upper = Upper { nap: Duration::from_millis(300) };
    let builder = ThreadedServer::builder().thread_name("work");
    let server = builder.udp("127.0.0.1:0", upper)?.spawn()?;
    let address = server.local_addr();
    let clients = move || {
        let slow = send(address, "slow and steady")?;
        let quick = send(address, "  quick\n")?; // while the slow one is handled
        receive(&quick)?;
        receive(&slow)
    };
    actor("client", clients)?.end()
} // `server` is dropped here: that stops it, and waits for the remaining handlers
// [/demonstration]
