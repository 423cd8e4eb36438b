//! Lesson 16: an HTTP client that writes its GET by hand and measures the throughput.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::Instant;

use http::{Excerpt, Response, Url, marked, pages, read_body};
use socketserver::ThreadedServer;
use support::{Args, Lesson, PATIENCE, actor, crowd, events, hints, mistake, say};

mod http;
mod support;

fn main() -> ExitCode {
    Lesson::new("a GET by hand, and its throughput", demonstration)
        .ends("127.0.0.1:9016", serve, client)
        .words("[URL]")
        .number_to("parallel", 1000, 0, "then fetch it on 1, 2, 4 .. N at once")
        .run()
}

// [ask]
fn request(Url { target, host, .. }: &Url) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

/// Asks for a page, and reads the head of the response; the body comes next.
fn ask(url: &Url) -> io::Result<(Response, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(&url.addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request(url).as_bytes())?;
    let mut reader = BufReader::with_capacity(64 * 1024, stream);
    Ok((Response::read(&mut reader)?, reader))
}
// [/ask]

// [show]
fn show(url: &Url) -> io::Result<()> {
    say!("{}", marked(">", &request(url)));
    let begin = Instant::now();
    let (response, mut reader) = ask(url)?;
    say!("{}", marked("<", &response.head.to_string()));

    let mut page = Excerpt::default();
    let count = read_body(&mut reader, response.body, &mut page)?;
    say!("{}\n{}", page.text(), throughput(count, begin));
    Ok(())
}

fn throughput(bytes: u64, begin: Instant) -> String {
    let ms = begin.elapsed().as_secs_f64() * 1000.0;
    let speed = bytes as f64 / 1000.0 / ms; // millions of bytes a second
    format!("{bytes} bytes in {ms:.1} ms: {speed:.2} MB/s, {:.2} Mbit/s", speed * 8.0)
}
// [/show]

// [table]
/// Fetches a page on 1, 2, 4 .. `most` connections at once.
fn table(url: &Url, most: usize) -> io::Result<()> {
    for n in crowd::sizes(most) {
        let begin = Instant::now();
        let counts = crowd::at_once(n, || {
            let (response, mut reader) = ask(url)?;
            read_body(&mut reader, response.body, &mut io::sink())
        })?;
        say!("{n:3} at once: {}", throughput(counts.iter().sum(), begin));
    }
    Ok(())
}
// [/table]

fn client(args: &Args) -> io::Result<()> {
    let url = Url::wanted(args.words(), args.addr(), args.default_addr());
    let url = url.map_err(mistake)?;
    let result = show(&url).and_then(|()| table(&url, args.number("parallel")));
    result.map_err(|error| hints::at(&url.addr, error))
}

// [serve]
fn server(addr: &str) -> io::Result<ThreadedServer> {
    let server = ThreadedServer::builder().read_timeout(PATIENCE);
    server.on_event(events::come_and_go).tcp(addr, pages::answer)
}

fn serve(args: &Args) -> io::Result<()> {
    let server = server(args.addr())?;
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    server.serve_forever()
}
// [/serve]

fn demonstration(_: &Args) -> io::Result<()> {
    let server = server("127.0.0.1:0")?.spawn()?;
    let home = Url::home(server.local_addr());
    let client = actor("client", move || {
        show(&home)?;
        show(&home.page("/chunked"))?;
        table(&home.page("/bytes/20000000"), 4)
    })?;
    client.end()
}
