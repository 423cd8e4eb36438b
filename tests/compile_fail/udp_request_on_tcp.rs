// `Upper` is not a handler for requests of type
// a TCP server wants `impl RequestHandler for ..`, a UDP server `impl RequestHandler<UdpRequest> for ..`
// expected `DatagramRequest<std::net::SocketAddr>`, found `StreamRequest<std::net::SocketAddr>`

use socketserver::{RequestHandler, ThreadedServer, UdpRequest};

#[derive(Clone)]
struct Upper;

impl RequestHandler<UdpRequest> for Upper {
    fn handle(&mut self, request: &mut UdpRequest) -> std::io::Result<()> {
        request.reply(&request.data().to_ascii_uppercase())
    }
}

fn main() -> std::io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", Upper)?.serve_forever()
}
