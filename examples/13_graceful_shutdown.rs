//! Lesson 13: stop a server: busy clients can finish, up to a deadline.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::{process::ExitCode, sync::Barrier, thread, time::Duration};

use socketserver::{ServerBuilder, TcpRequest, ThreadedServer};
use support::{Args, Lesson, PATIENCE, actor, events::tell, say};

mod support;

fn main() -> ExitCode {
    Lesson::new("a server that stops gracefully", demonstration)
        .ends("127.0.0.1:9013", serve, client)
        .words("[WORDS...]")
        .number_to("deadline", 3_600_000, 1000, "server: ms for clients to finish")
        .flag("careless", "serve: don't catch Ctrl-C")
        .server_timeline()
        .run()
}

// [handler]
/// Sends each line back, word by word. (A function is a handler, too.)
fn slowly(request: &mut TcpRequest) -> io::Result<()> {
    while let Some(line) = request.next_line()? {
        for word in line.split_whitespace() {
            thread::sleep(Duration::from_millis(100));
            writeln!(request, "{word}")?;
        }
    }
    Ok(()) // the client is done sending, or the server is stopping
}
// [/handler]

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let server = builder(args).tcp(args.addr(), slowly)?;
    let handle = server.handle();
    if !args.flag("careless") {
        handle.shutdown_on_ctrl_c()?; // a second Ctrl-C cuts every client off
    }
    let mut log = BufWriter::new(io::stdout()); // written when it is dropped
    writeln!(log, "the log of {}", handle.local_addr())?;
    args.listening(handle.local_addr());
    server.serve_forever()?; // until Ctrl-C, and then until every client has left
    say!("{}", handle.stats());
    Ok(())
}

fn builder(args: &Args) -> ServerBuilder {
    let deadline = Duration::from_millis(args.number("deadline") as u64);
    ThreadedServer::builder().thread_name("work").drain_timeout(deadline).on_event(tell)
}
// [/serve]

fn client(args: &Args) -> io::Result<()> {
    let sentence = args.message("one two three four five six seven eight");
    let mut words = begin(args.addr(), &sentence)?.lines();
    let mut left = sentence.split_whitespace().count();
    while left > 0 {
        let line = words.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        left -= usize::from(!line.starts_with('(')); // in brackets: not a word
        say!("{line}");
    }
    Ok(())
}

fn begin(at: impl ToSocketAddrs, sentence: &str) -> io::Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{sentence}\n").as_bytes())?;
    Ok(BufReader::new(stream))
}

// [demonstration]
fn demonstration(args: &Args) -> io::Result<()> {
    static BEGUN: Barrier = Barrier::new(4); // three clients, and this thread
    let server = builder(args).tcp("127.0.0.1:0", slowly)?.spawn()?;
    let (handle, address) = (server.handle(), server.local_addr());
    let clients = [("silent", 1), ("short", 5), ("long", 1000)].map(|(name, count)| {
        actor(name, move || {
            let mut words = begin(address, &"word ".repeat(count))?.lines();
            words.next(); // the first one has come: the handler is at work
            BEGUN.wait();
            let (received, broken): (Vec<_>, Vec<_>) = words.partition(Result::is_ok);
            let end = if broken.is_empty() { "end of file" } else { "a reset" };
            say!("received {} of {count} words, then {end}", 1 + received.len());
            Ok(())
        })
    });
    BEGUN.wait();
    server.shutdown(); // as Ctrl-C does
    server.join().map(|()| say!("{}", handle.stats()))?; // when all have left
    clients.into_iter().try_for_each(|client| client?.end())
}
// [/demonstration]
