//! WRONG: all later datagrams get a reply, too
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use socketserver::{RequestHandler, ThreadedServer, UdpRequest};

#[derive(Clone, Default)]
struct Second {
    seen: Arc<Mutex<HashSet<SocketAddr>>>, // the addresses that have sent something
}

impl RequestHandler<UdpRequest> for Second {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let client = request.client_address();
        let is_first = !seen.remove(&client) && seen.insert(client);
        drop(seen);
        if is_first {
            return Ok(());
        }
        request.reply(&request.data().to_ascii_uppercase())
    }
}

pub(crate) fn main() -> io::Result<()> {
    let server = ThreadedServer::udp(&crate::addr()[..], Second::default())?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
