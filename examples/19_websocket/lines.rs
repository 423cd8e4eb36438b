//! The clients of lesson 14, in the same room: they connect to a port of their own, and
//! send lines. This is the handler of that lesson.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use socketserver::{RequestHandler, RunningServer, StreamWriter};
use socketserver::{TcpRequest, ThreadedServer};

use super::earlier::room::{Leaving, Mail, Room, Seat};
use super::support::address::checked_address;
use super::support::events::come_and_go;
use super::support::{hints, mistake};

/// Accepts them at this address.
///
/// # Errors
///
/// The address can't be bound.
pub(crate) fn spawn(addr: &str, room: &Arc<Room>) -> io::Result<RunningServer> {
    let addr = checked_address(addr.to_owned(), true).map_err(mistake)?;
    let server = ThreadedServer::builder()
        .max_line(4000)
        .read_timeout(Duration::from_secs(3600))
        .write_timeout(Duration::from_secs(5))
        .thread_name("handler")
        .on_event(come_and_go)
        .tcp(addr.as_str(), Lines { room: Arc::clone(room), seat: Seat::default() })
        .map_err(|error| hints::at(&addr, error))?;
    server.handle().shutdown_on_ctrl_c()?;
    server.spawn()
}

#[derive(Clone)]
struct Lines {
    room: Arc<Room>,
    seat: Seat,
}

impl RequestHandler for Lines {
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

fn deliver(room: &Room, seat: &Seat, mail: Mail, mut client: StreamWriter) {
    for line in mail {
        if let Err(error) = client.write_all(line.as_bytes()) {
            room.leave(seat, Leaving::because_of(&error));
            break;
        }
    }
    client.shutdown();
}
