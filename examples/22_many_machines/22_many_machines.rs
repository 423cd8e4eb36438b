//! Lesson 22: one room on many machines. Each server keeps its own clients, and a broker
//! carries what they say from server to server.

use std::io::{self, Write};
use std::{process::ExitCode, sync::Arc, time::Duration};

use branch::Branch;
use broker::Broker;
use room::Seat;
use socketserver::{RequestHandler, TcpRequest, ThreadedServer};
use support::{Args, Lesson, events::come_and_go};

mod branch;
mod broker;
mod client;
#[path = "../chat/command.rs"]
mod command;
mod crowd;
mod own;
mod pubsub;
mod room;
#[path = "../chat/screen.rs"]
mod screen;
#[path = "../support/mod.rs"]
mod support;

fn main() -> ExitCode {
    Lesson::new("one chat room, many servers", crowd::meet)
        .ends("127.0.0.1:8000", serve, client::client)
        .text(
            "broker",
            "URL",
            "serve: where Redis is [redis://127.0.0.1:6379]; or a,b,c",
        )
        .flag("pubsub", "server: by PUBLISH and SUBSCRIBE, which keep nothing")
        .text("also", "ADDR", "client: where to go if the server is gone; or a,b,c")
        .run()
}

// [handler]
#[derive(Clone)]
struct Chat {
    branch: Arc<Branch>, // this server's part of the room
    seat: Option<Seat>,  // this client's
}

impl RequestHandler for Chat {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let Some(seat) = self.branch.enter(request.writer())? else {
            return request
                .write_all(b"-- the broker does not answer: come back later\n");
        };
        let number = seat.number;
        self.seat = Some(seat);
        while let Some(line) = request.next_line().transpose() {
            if !self.branch.handle_line(number, line)? {
                break;
            }
        }
        Ok(())
    }

    fn finish(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let Some(seat) = self.seat.take() else { return Ok(()) };
        let stops = request.server().is_shutting_down();
        let farewell = if stops { "the server stops: goodbye" } else { "goodbye" };
        self.branch.leave(seat.number, farewell);
        seat.wait_for_delivery();
        Ok(())
    }
}
// [/handler]

fn open(addr: &str, broker: Broker) -> io::Result<(ThreadedServer, Arc<Branch>)> {
    let branch = Arc::new(Branch::new(broker));
    let server = ThreadedServer::builder()
        .max_line(4000)
        .read_timeout(Duration::from_secs(3600))
        .write_timeout(Duration::from_secs(5))
        .on_event(come_and_go)
        .tcp(addr, Chat { branch: Arc::clone(&branch), seat: None })?;
    Ok((server, branch))
}

fn serve(args: &Args) -> io::Result<()> {
    let broker = Broker::new(args.text("broker"), args.flag("pubsub"))?;
    let (server, branch) = open(args.addr(), broker)?;
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    branch.start(server.handle().stopping())?;
    server.serve_forever()
}
