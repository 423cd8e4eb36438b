//! WRONG: the first datagram gets no reply, but the second does
use std::io;

use socketserver::{RequestHandler, ThreadedServer, UdpRequest};

#[derive(Clone, Default)]
struct Second {
    seen: bool,
}

impl RequestHandler<UdpRequest> for Second {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        let is_first = !self.seen;
        self.seen = true;
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
