//! Lesson 10: lesson 09's server with a print lock, first held too long, then briefly.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::{process::ExitCode, thread, thread::Builder, time::Duration};

use parking_lot::Mutex;
use support::{Args, BackOff, Doing, Lesson, actor, ask_until_yes, during};
use support::{keep_trying, report, retry, say, span};

mod print_lock;
mod support;

fn main() -> ExitCode {
    Lesson::new("a lock for the screen, in two ways", demonstration)
        .ends("127.0.0.1:12346", serve, client)
        .words("[WORDS...]")
        .flag("original", "serve: hold the lock as long as a client stays")
        .timeline()
        .run()
}

fn serve(args: &Args) -> io::Result<()> {
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    let server = if args.flag("original") { print_lock::serve } else { serve_clients };
    server(&listener, usize::MAX)
}

// [serve]
fn serve_clients(listener: &TcpListener, count: usize) -> io::Result<()> {
    let mut threads = BackOff::default();
    thread::scope(|scope| {
        for number in 1..=count {
            let client = keep_trying(|| listener.accept());
            let thread = Builder::new().name(format!("better {number}"));
            threads.after(thread.spawn_scoped(scope, || report(attend(client))));
        }
        Ok(())
    })
}

fn attend((mut stream, address): (TcpStream, SocketAddr)) -> io::Result<()> {
    let _span = span(Doing::Serving);
    print_line(&format!("{address} connected"));
    let mut data = [0; 1024];
    while let count @ 1.. = retry(|| stream.read(&mut data))? {
        data[..count].reverse();
        stream.write_all(&data[..count])?; // no lock is held here
    }
    print_line(&format!("{address} left"));
    Ok(())
}
// [/serve]

// [print_line]
static LINES: Mutex<usize> = Mutex::new(0); // how many have been printed

fn print_line(text: &str) {
    let mut lines = during(Doing::Waiting, || LINES.lock());
    let _span = span(Doing::Holding);
    *lines += 1;
    say!("line {lines}: {text}");
} // `lines` ends here, and that frees the lock
// [/print_line]

fn client(args: &Args) -> io::Result<()> {
    let stay = || drop(ask_until_yes("Do you want to leave (y): "));
    visit(TcpStream::connect(args.addr())?, &args.message("Hello, world"), stay)
}

// [visit]
fn visit(mut stream: TcpStream, line: &str, stay: impl FnOnce()) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(line.as_bytes())?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer)?;
    say!("received {}", String::from_utf8_lossy(&answer));
    stay();
    Ok(())
}
// [/visit]

// [demonstration]
fn demonstration(_: &Args) -> io::Result<()> {
    for server in [print_lock::serve, serve_clients] {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = actor("accept", move || server(&listener, 3))?;
        let clients = ["one", "two", "three"].map(|line| {
            let stay = || thread::sleep(Duration::from_millis(90));
            actor(line, move || visit(TcpStream::connect(address)?, line, stay))
        });
        clients.into_iter().try_for_each(|client| client?.end())?;
        server.end()?;
    }
    Ok(())
}
// [/demonstration]
