use std::io::{self, Write};

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

#[derive(Clone)]
struct Greeter;

impl RequestHandler for Greeter {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        request.write_all(b"hello")
    }
}

fn main() -> io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", Greeter)?.serve_forever()
}
