//! Lesson 11: the library. A handler, a thread for each client, and what is shared.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socketserver::{RequestHandler, TcpRequest, ThreadedServer};
use support::{Args, Lesson, actor, say};

mod support;

fn main() -> ExitCode {
    Lesson::new("a handler for each client", demonstration)
        .ends("127.0.0.1:9999", serve, client)
        .words("[WORDS...]")
        .flag("fragile", "serve: the handler panics when it reads a question mark")
        .run()
}

// [handler]
#[derive(Clone, Default)]
struct Upper {
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
// [/handler]

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let upper = Upper { fragile: args.flag("fragile"), ..Upper::default() };
    let server = ThreadedServer::tcp(args.addr(), upper)?; // binds and listens
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    server.serve_forever() // until Ctrl-C, and then until every client has left
}
// [/serve]

fn client(args: &Args) -> io::Result<()> {
    ask(args.addr(), &args.message("Hello, world")).map(drop)
}

// [client]
/// Sends a line and prints the reply; the connection stays open.
fn ask(address: &str, message: &str) -> io::Result<BufReader<TcpStream>> {
    let mut stream = BufReader::new(TcpStream::connect(address)?);
    stream.get_ref().set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.get_ref().set_write_timeout(Some(Duration::from_secs(5)))?;
    say!("sends    {message}");
    stream.get_mut().write_all(format!("{message}\n").as_bytes())?;
    let mut answer = String::new();
    if stream.read_line(&mut answer)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into()); // closed without a reply
    }
    say!("received {}", answer.trim_end());
    Ok(stream)
}
// [/client]

// [demonstration]
fn demonstration(_: &Args) -> io::Result<()> {
    let builder = ThreadedServer::builder().thread_name("work");
    let server = builder.tcp("127.0.0.1:0", Upper::default())?.spawn()?;
    let address = server.local_addr().to_string();
    let clients = move || {
        let _ada = ask(&address, "Hello, this is Ada")?; // she stays connected
        ask(&address, "And this is Bob").map(drop) // but Bob still gets his reply
    };
    actor("client", clients)?.end()
} // `server` is dropped here: that stops it, and waits for the remaining clients
// [/demonstration]
