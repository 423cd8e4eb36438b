//! Lesson 21: the same echo with threads, with `poll` and with tasks.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::{process, process::ExitCode, thread, time::Duration};

use support::{Args, Lesson, PATIENCE, mistake, say};
use work::Work;

mod counts;
mod crowd;
mod demonstration;
mod measure;
mod picture;
mod polling;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tasks;
mod threads;
mod work;

/// The three forms of the server.
const KINDS: [&str; 3] = ["threads", "poll", "tasks"];

fn main() -> ExitCode {
    Lesson::new("where a thread for each client stops", demonstration)
        .ends("127.0.0.1:9021", serve, client)
        .words("[WORDS...]")
        .text("kind", "KIND", "serve: threads, poll or tasks (default threads)")
        .number_to("work", 60_000, 0, "serve: ms of work before the reply to `!..`")
        .flag("until-eof", "serve: stop at the end of the input, too")
        .count("clients", 20_000, 1, "client: how many at once")
        .count("requests", 1_000_000, 1, "client: how many from each")
        .text("measure", "FILE.svg", "demonstration: a minute of it, and a picture")
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let kind = args.text("kind").unwrap_or("threads");
    let serve = match kind {
        "threads" => threads::serve,
        "poll" => polling::serve,
        "tasks" => tasks::serve,
        _ => return Err(mistake(format!("`{kind}` isn't a kind of server.\n{HELP}"))),
    };
    let listener = TcpListener::bind(args.addr())?;
    args.listening(listener.local_addr()?);
    say!("{kind}, process {}", process::id());
    if args.flag("until-eof") {
        thread::Builder::new().name("input".to_owned()).spawn(until_eof)?;
    }
    serve(listener, Work::of(args.number("work")))
}
// [/serve]

/// What to type instead.
const HELP: &str = "Write --kind threads, --kind poll or --kind tasks.";

/// Ends the program when its input ends. So a server never outlives what started it.
fn until_eof() {
    let _ = io::stdin().lock().read_to_end(&mut Vec::new());
    process::exit(0);
}

fn client(args: &Args) -> io::Result<()> {
    let (clients, requests) = (args.number("clients"), args.number("requests"));
    if (clients, requests) != (1, 1) {
        if let Some(word) = args.words().first() {
            let many =
                format!("Many clients say words of their own.\nLeave out `{word}`.");
            return Err(mistake(many));
        }
        let took = crowd::come_and_ask(args.addr(), clients, requests)?;
        say!("{} replies, p99 {:.2} ms", took.len(), crowd::p99(&took));
        return Ok(());
    }
    let mut stream = TcpStream::connect(args.addr())?;
    stream.set_read_timeout(Some(PATIENCE.max(Duration::from_secs(20))))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    crowd::ask(&mut stream, args.message("Hello, world").as_bytes())
}

fn demonstration(args: &Args) -> io::Result<()> {
    args.text("measure").map_or_else(demonstration::show_all, measure::measure)
}
