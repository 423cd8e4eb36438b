// the trait `Clone` is not implemented for `Echo`
// each connection gets a clone of the handler: add `#[derive(Clone)]`

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

struct Echo;

impl RequestHandler for Echo {
    fn handle(&mut self, _request: &mut TcpRequest) -> std::io::Result<()> {
        Ok(())
    }
}

fn main() -> std::io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", Echo)?.serve_forever()
}
