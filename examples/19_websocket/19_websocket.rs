//! Lesson 19: the chat room of lesson 14 in a browser, by WebSocket.

use std::{io, process::ExitCode, sync::Arc, time::Duration};

use earlier::room::{Leaving, Room};
use frames::Writer;
use guest::Guest;
use socketserver::{Address, RequestHandler, StreamRequest, ThreadedServer};
use support::{Args, Lesson, address::reachable, events::come_and_go, say};
use tungstenite::protocol::Role;

mod client;
mod earlier;
mod frames;
mod guest;
mod lines;
mod meeting;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;

/// How long a client can take to send the head of a request.
const HEAD: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    Lesson::new("the chat room in a browser", demonstration)
        .ends("127.0.0.1:5000", serve, client::client)
        .count("ping", 3600, 20, "server: seconds of silence until a ping")
        .text("lines", "HOST:PORT", "serve: where to accept lesson 14's clients")
        .run()
}

// [handler]
#[derive(Clone)]
struct WebChat {
    room: Arc<Room>,      // shared by all clients
    guest: Option<Guest>, // this client, if it wants to chat
    ping: Duration,
}

impl<A: Address> RequestHandler<StreamRequest<A>> for WebChat {
    fn handle(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        request.set_deadline(HEAD); // for the whole head, however slowly it comes
        if !upgrade::answer(request)? {
            return Ok(()); // it was the page, or it was rejected
        }
        request.set_deadline(None);
        request.set_read_timeout(self.ping);
        let client = Writer::new(request.writer(), Role::Server);
        let guest = self.guest.insert(Guest::enter(&self.room, client)?);
        guest.listen(request)
    }

    fn finish(&mut self, request: &mut StreamRequest<A>) -> io::Result<()> {
        let stops = request.server().is_shutting_down();
        let why = if stops { Leaving::ServerStops } else { Leaving::ByItself };
        if let Some(guest) = &self.guest {
            guest.leave(why);
        }
        Ok(())
    }
}
// [/handler]

// [server]
fn server(addr: &str, args: &Args, room: Arc<Room>) -> io::Result<ThreadedServer> {
    let ping = Duration::from_secs(args.number("ping") as u64);
    ThreadedServer::builder()
        .write_timeout(Duration::from_secs(5)) // a client that doesn't read can't stay
        .thread_name("handler")
        .on_event(come_and_go)
        .tcp(addr, WebChat { room, guest: None, ping })
}

fn serve(args: &Args) -> io::Result<()> {
    let room = Arc::default();
    let server = server(args.addr(), args, Arc::clone(&room))?;
    let lines = args.text("lines").map(|addr| lines::spawn(addr, &room));
    let lines = lines.transpose()?; // it stops when this function ends
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    say!("in a browser: http://{}/", reachable(server.local_addr()));
    if let Some(lines) = &lines {
        say!("lesson 14's client: --addr {}", reachable(lines.local_addr()));
    }
    server.serve_forever()
}
// [/server]

fn demonstration(args: &Args) -> io::Result<()> {
    meeting::meet(server("127.0.0.1:0", args, Arc::default())?)
}
