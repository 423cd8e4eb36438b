//! The room as a first try: a list of connections behind a lock. A thread whose client
//! says something writes to all of them, and holds the lock as long as that takes.
//!
//! The lesson shows how it fails: one client that does not read stops the whole room.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use socketserver::{RequestHandler, StreamWriter, TcpRequest};

use crate::support::{Doing, span};

#[derive(Clone, Default)]
pub(crate) struct NaiveChat {
    room: Arc<Mutex<Vec<(SocketAddr, StreamWriter)>>>,
}

impl RequestHandler for NaiveChat {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let me = request.client_address();
        self.room.lock().push((me, request.writer()));
        writeln!(request, "-- you are {me}")?;
        let _idle = span(Doing::Idle);
        while let Some(line) = request.next_line()? {
            self.say(me, &line);
        }
        Ok(())
    }

    fn finish(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let me = request.client_address();
        self.room.lock().retain(|(address, _)| *address != me);
        Ok(())
    }
}

impl NaiveChat {
    // [say]
    fn say(&self, me: SocketAddr, line: &str) {
        let waiting = span(Doing::Waiting);
        let mut room = self.room.lock();
        drop(waiting);
        let _holding = span(Doing::Holding);
        for (_, client) in room.iter_mut().filter(|(address, _)| *address != me) {
            let _ = writeln!(client, "{me}: {line}"); // waits until this client reads
        }
    }
    // [/say]
}
