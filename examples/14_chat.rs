//! Lesson 14: a chat room. Each client has a mailbox, and a thread that empties it.

use std::io::{self, Write};
use std::{process::ExitCode, sync::Arc, thread, time::Duration};

use chat::naive::NaiveChat;
use chat::room::{Leaving, Mail, Room, Seat};
use chat::{client, crowd};
use socketserver::{RequestHandler, StreamWriter, TcpRequest, ThreadedServer};
use support::{Args, Lesson, events::come_and_go};

mod chat;
mod support;

fn main() -> ExitCode {
    Lesson::new("a chat room for many clients", demonstration)
        .ends("127.0.0.1:8000", serve, client)
        .flag("naive", "server: the room as a first try")
        .server_timeline()
        .run()
}

// [handler]
#[derive(Clone, Default)]
struct Chat {
    room: Arc<Room>, // shared by all clients
    seat: Seat,      // this client's own
}

impl RequestHandler for Chat {
    fn setup(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let (seat, mail) = self.room.enter();
        self.seat = seat.clone();
        let (room, client) = (Arc::clone(&self.room), request.writer());
        let thread = thread::Builder::new().name(format!("writer-{seat}"));
        let spawned =
            thread.spawn(move || deliver(&room, &seat, mail, client)).map(drop);
        spawned.inspect_err(|_| self.room.leave(&self.seat, Leaving::ByItself))
    }

    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        while let Some(line) = request.next_line().transpose() {
            if !self.room.handle_line(&self.seat, line)? {
                break;
            }
        }
        Ok(())
    }

    fn finish(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let stops = request.server().is_shutting_down();
        let why = if stops { Leaving::ServerStops } else { Leaving::ByItself };
        self.room.leave(&self.seat, why);
        self.seat.wait_for_delivery();
        Ok(())
    }
}
// [/handler]

// [deliver]
fn deliver(room: &Room, seat: &Seat, mail: Mail, mut client: StreamWriter) {
    for line in mail {
        if let Err(error) = client.write_all(line.as_bytes()) {
            room.leave(seat, Leaving::because_of(&error));
            break;
        }
    }
    client.shutdown(); // if the handler still waits for a line, it reads end of file
}
// [/deliver]

fn room(addr: &str, naive: bool) -> io::Result<ThreadedServer> {
    let server = ThreadedServer::builder()
        .max_line(4000)
        .read_timeout(Duration::from_secs(3600)) // a client that only listens can stay
        .write_timeout(Duration::from_secs(5)) // one that doesn't read can't
        .thread_name("handler")
        .on_event(come_and_go);
    match naive {
        true => server.tcp(addr, NaiveChat::default()),
        false => server.tcp(addr, Chat::default()),
    }
}

fn serve(args: &Args) -> io::Result<()> {
    let server = room(args.addr(), args.flag("naive"))?;
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    server.serve_forever()
}

fn demonstration(args: &Args) -> io::Result<()> {
    crowd::meet(room("127.0.0.1:0", args.flag("naive"))?)
}
