//! Lesson 20: TLS. The handler of lesson 11, on encrypted connections.

use std::net::TcpStream;
use std::{io, process::ExitCode};

use papers::Papers;
use socketserver::ThreadedServer;
use support::{Args, Lesson, actor, say};
use upper::Upper;

mod papers;
mod spy;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod upper;

fn main() -> ExitCode {
    Lesson::new("the same handler, encrypted", demonstration)
        .feature("tls")
        .ends("127.0.0.1:8443", serve, client)
        .words("[WORDS...]")
        .text("ca", "FILE", "client: an authority to trust (default: that of `serve`)")
        .text("name", "NAME", "client: the server's name (default localhost)")
        .run()
}

// [serve]
fn serve(args: &Args) -> io::Result<()> {
    let papers = Papers::new()?;
    let server = ThreadedServer::builder()
        .tls(papers.certificate()?) // the one line that encrypts
        .tcp(args.addr(), Upper::default())?;
    papers.save(server.local_addr())?;
    server.handle().shutdown_on_ctrl_c()?;
    args.listening(server.local_addr());
    papers::show_other_clients(server.local_addr());
    server.serve_forever()
}
// [/serve]

// [client]
fn client(args: &Args) -> io::Result<()> {
    let socket = TcpStream::connect(args.addr())?;
    let trusted = papers::authority(args.text("ca"), args.addr())?;
    let name = args.text("name").unwrap_or("localhost");
    let mut stream = tls::encrypted(socket, name, &trusted)?;
    tls::ask(&mut stream, &args.message("Hello, world"))?;
    tls::goodbye(stream)
}
// [/client]

// [demonstration]
fn demonstration(_: &Args) -> io::Result<()> {
    let papers = Papers::new()?;
    let (plain, secret) = (ThreadedServer::builder(), ThreadedServer::builder());
    let plain = plain.thread_name("plain").tcp("127.0.0.1:0", Upper::default())?;
    let secret = secret.thread_name("tls").tls(papers.certificate()?);
    let secret = secret.tcp("127.0.0.1:0", Upper::default())?;
    let (plain, secret) = (plain.spawn()?, secret.spawn()?);
    let (to_plain, to_secret) = (plain.local_addr(), secret.local_addr());
    let client = move || {
        let (address, spy) = spy::before(to_plain)?;
        tls::ask(&mut TcpStream::connect(address)?, "My PIN is 1234")?;
        spy.end()?;

        let (address, spy) = spy::before(to_secret)?;
        let socket = TcpStream::connect(address)?;
        let mut stream = tls::encrypted(socket, "localhost", &papers.authority)?;
        tls::ask(&mut stream, "My PIN is 1234")?;
        tls::goodbye(stream)?;
        spy.end()?;

        let stranger = Papers::new()?.authority;
        for (name, trusted) in
            [("example.org", &papers.authority), ("localhost", &stranger)]
        {
            let socket = TcpStream::connect(to_secret)?;
            if let Err(refusal) = tls::encrypted(socket, name, trusted) {
                say!("{refusal}");
            }
        }
        Ok(())
    };
    actor("client", client)?.end()
}
// [/demonstration]
