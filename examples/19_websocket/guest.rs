//! A guest of the room who came by WebSocket: it reads the guest's lines, and delivers the
//! guest's mail.

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;

use socketserver::{Address, StreamRequest, StreamWriter};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};

use super::earlier::room::{Leaving, Mail, Room, Seat};
use super::frames::{Reader, Received, Writer, frame};

/// A guest, as its handler sees it.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    room: Arc<Room>,
    seat: Seat,
    client: Writer<StreamWriter>,
    /// The close frame that ends its mail, as soon as the handler knows it.
    parting: Arc<OnceLock<Option<CloseFrame>>>,
}

impl Guest {
    /// Adds a client to the room, and starts the thread that delivers its mail.
    ///
    /// # Errors
    ///
    /// There is no thread left.
    pub(crate) fn enter(
        room: &Arc<Room>,
        client: Writer<StreamWriter>,
    ) -> io::Result<Self> {
        let (seat, mail) = room.enter();
        let (room, parting) = (Arc::clone(room), Arc::default());
        let guest = Self { room, seat, client, parting };
        let writing = guest.clone();
        let thread = thread::Builder::new().name(format!("writer-{}", guest.seat));
        let spawned = thread.spawn(move || writing.deliver(mail)).map(drop);
        spawned.inspect_err(|_| guest.room.leave(&guest.seat, Leaving::ByItself))?;
        Ok(guest)
    }

    /// Reads what the client sends, up to the end.
    ///
    /// # Errors
    ///
    /// It can't be read, or a reply can't be written.
    // [listen]
    pub(crate) fn listen<A: Address>(
        &self,
        request: &mut StreamRequest<A>,
    ) -> io::Result<()> {
        let server = request.server().clone();
        let mut reader = Reader::new(request, Role::Server);
        let mut was_silent = false;
        let parting = loop {
            let received = reader.receive()?;
            let is_silent = matches!(received, Received::Silence);
            match received {
                Received::Text(line) => {
                    if !self.room.handle_line(&self.seat, Ok(line))? {
                        break frame(CloseCode::Normal, "goodbye");
                    }
                }
                Received::Ping(data) => self.client.pong(data)?,
                Received::Pong => {}
                Received::Silence if was_silent => {
                    break frame(CloseCode::Protocol, "no pong");
                }
                Received::Silence => self.client.ping()?,
                Received::End(answer) => break answer,
                Received::Gone if server.is_shutting_down() => {
                    break frame(CloseCode::Away, "the server stops");
                }
                Received::Gone => break None,
            }
            was_silent = is_silent;
        };
        let _ = self.parting.set(parting); // nobody else sets it
        Ok(())
    }
    // [/listen]

    // [deliver]
    /// Sends the mail, and then the close frame.
    fn deliver(&self, mut mail: Mail) {
        for line in mail.by_ref() {
            if let Err(error) = self.client.text(line.trim_end_matches('\n')) {
                self.room.leave(&self.seat, Leaving::because_of(&error));
                break;
            }
        }
        // Without a frame from the handler, the room removed this client: it doesn't read.
        let turned_out = || frame(CloseCode::Policy, "you do not read");
        let parting = self.parting.get().cloned().unwrap_or_else(turned_out);
        let _ = self.client.close(parting);
        self.client.hang_up(); // if the handler still waits, it reads end of file
        drop(mail); // and only now `leave` goes on
    }
    // [/deliver]

    /// Removes the guest from the room, and waits until its mail is delivered or lost.
    pub(crate) fn leave(&self, why: Leaving) {
        self.room.leave(&self.seat, why);
        self.seat.wait_for_delivery();
    }
}
