// consider giving this closure parameter an explicit type

use std::io::Write;

use socketserver::ThreadedServer;

fn main() -> std::io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", |request| request.write_all(b"hello"))?
        .serve_forever()
}
