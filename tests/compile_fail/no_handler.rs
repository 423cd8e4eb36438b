// `Echo` is not a handler for requests of type
// this cannot handle a

use socketserver::ThreadedServer;

#[derive(Clone)]
struct Echo;

fn main() -> std::io::Result<()> {
    ThreadedServer::tcp("127.0.0.1:0", Echo)?.serve_forever()
}
