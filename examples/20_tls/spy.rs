//! Somebody on the way between a client and its server. There are many: the people who run
//! the wireless network, the provider, a cable.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use crate::support::{Actor, PATIENCE, actor, keep_trying, say};

/// Puts a spy in front of a server. Clients connect to the address that this returns.
pub(crate) fn before(server: SocketAddr) -> io::Result<(SocketAddr, Actor)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let spy = actor("spy", move || {
        let (client, _) = keep_trying(|| listener.accept());
        let server = TcpStream::connect(server)?;
        for socket in [&client, &server] {
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_write_timeout(Some(PATIENCE))?;
        }
        let seen = thread::scope(|scope| {
            scope.spawn(|| pass_on(&server, &client));
            pass_on(&client, &server)
        })?;
        let text = longest_text(&seen);
        say!("the client sent {} bytes, and I can read: {text}", seen.len());
        Ok(())
    })?;
    Ok((address, spy))
}

/// Passes everything on until its end, and keeps a copy.
fn pass_on(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<Vec<u8>> {
    let mut seen = Vec::new();
    let mut data = [0; 4096];
    loop {
        let count = from.read(&mut data)?;
        if count == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(seen);
        }
        seen.extend_from_slice(&data[..count]);
        to.write_all(&data[..count])?;
    }
}

/// The longest run of letters, digits and spaces.
fn longest_text(bytes: &[u8]) -> String {
    let is_text = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    let longest = bytes.split(|byte| !is_text(byte)).max_by_key(|piece| piece.len());
    String::from_utf8_lossy(longest.unwrap_or_default()).into_owned()
}
