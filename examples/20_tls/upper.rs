//! The handler of lesson 11, as it is there. It doesn't know that it's encrypted.

use std::io::{self, Read, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use socketserver::{RequestHandler, TcpRequest};

use crate::support::say;

#[derive(Clone, Default)]
pub(crate) struct Upper {
    fragile: bool,            // an option: the same in each clone
    bytes: usize,             // this client's own
    total: Arc<Mutex<usize>>, // shared by all clients
}

impl RequestHandler for Upper {
    fn setup(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        say!("{} connected", request.client_address());
        Ok(())
    }

    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut data = [0; 1024];
        loop {
            let count = request.read(&mut data)?;
            if count == 0 {
                return Ok(()); // the client is done sending, or the server is stopping
            }
            self.bytes += count;
            *self.total.lock() += count; // locked for this line, not for longer
            assert!(!self.fragile || !data[..count].contains(&b'?'), "a question!");
            request.write_all(&data[..count].to_ascii_uppercase())?;
        }
    }

    fn finish(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let (client, total) = (request.client_address(), *self.total.lock());
        say!("{client} left: {} bytes, {total} from all clients", self.bytes);
        Ok(())
    }
}
