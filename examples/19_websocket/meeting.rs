//! The demonstration: one client fetches the page, and two others talk.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use socketserver::ThreadedServer;

use super::client::{listen, open};
use super::earlier::http::{Response, read_body};
use super::support::stage::Signal;
use super::support::{PATIENCE, actor, say};

/// Lets them meet in a room.
pub(crate) fn meet(server: ThreadedServer) -> io::Result<()> {
    let server = server.spawn()?;
    let addr = server.local_addr().to_string();
    let at = addr.clone();
    actor("page", move || look(&at))?.end()?;

    let at = addr.clone();
    let [ada_is_here, bob_has_left] = [(); 2].map(|()| Arc::new(Signal::default()));
    let (here, left) = (Arc::clone(&ada_is_here), Arc::clone(&bob_has_left));
    let ada = actor("ada", move || {
        let (reader, writer) = open(&at)?;
        listen(reader, &writer, |line| {
            say!("{line}");
            here.give();
            if line.ends_with(" left") {
                left.give();
            }
        })
    })?;
    ada_is_here.wait()?;
    let bob = actor("bob", move || {
        let (reader, writer) = open(&addr)?;
        writer.text("Hello, <b>ada</b>")?;
        writer.text("/quit")?;
        listen(reader, &writer, |line| say!("{line}"))
    })?;
    bob.end()?;
    bob_has_left.wait()?; // ada has read it
    server.shutdown();
    ada.end()
}

/// Asks for the page, as a browser does.
fn look(addr: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut reader = BufReader::new(stream);
    let Response { head, body, .. } = Response::read(&mut reader)?;
    let count = read_body(&mut reader, body, &mut io::sink())?;
    say!("{}, and {count} bytes of HTML", head.first);
    Ok(())
}
