//! The well-known print-lock server, built on purpose: its lock is taken in the accept loop
//! and given back in the client's thread. It is no support for anything; lesson 10 keeps it
//! to be seen waiting.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, Builder};

use crossbeam_channel::bounded;

use super::{Doing, during, report, say};

// [serve]
pub(crate) fn serve(listener: &TcpListener, count: usize) -> io::Result<()> {
    let (free, take) = bounded(1); // a channel with room for one token
    let _ = free.send(()); // the token is there: the lock is free
    thread::scope(|scope| {
        for (number, stream) in (1..=count).zip(listener.incoming()) {
            let thread = Builder::new().name(format!("original {number}"));
            let visit = |stream| {
                let _ = during(Doing::Waiting, || take.recv()); // take the lock here ..
                thread.spawn_scoped(scope, || {
                    report(during(Doing::Holding, || attend(stream)));
                    let _ = free.send(()); // .. and free it there
                })
            };
            report(stream.and_then(visit));
        }
        Ok(())
    })
}
// [/serve]

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let client = stream.peer_addr()?;
    say!("{client} connected");
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    say!("{client} left");
    Ok(())
}
