// to return `Result<(), Error>`, but it returns `()`

use std::io::Write;

use socketserver::{TcpRequest, ThreadedServer};

fn main() -> std::io::Result<()> {
    let greet = |request: &mut TcpRequest| {
        request.write_all(b"hello");
    };
    ThreadedServer::tcp("127.0.0.1:0", greet)?.serve_forever()
}
