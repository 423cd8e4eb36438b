//! WRONG: each address has its own first datagram
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use socketserver::{RequestHandler, ThreadedServer, UdpRequest};

#[derive(Clone, Default)]
struct Second {
    seen: Arc<Mutex<bool>>,
}

impl RequestHandler<UdpRequest> for Second {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !*seen;
        *seen = true;
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
