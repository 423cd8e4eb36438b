//! The well-known print-lock server, built on purpose: its lock is taken in the accept loop
//! and given back in the client's thread. It is no support for anything; lesson 10 keeps it
//! to be seen waiting.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, Builder};

use crossbeam_channel::bounded;

use super::{Doing, during, report, say};

// [serve]
pub(crate) fn serve(listener: &TcpListener, count: usize) -> io::Result<()> {
    let (free, take) = bounded(1); // a channel with room for one token
    let _ = free.send(()); // the token is there: the lock is free
    thread::scope(|scope| {
        for number in 1..=count {
            let thread = Builder::new().name(format!("original {number}"));
            let visit = |client| {
                let _ = during(Doing::Waiting, || take.recv()); // take the lock here ..
                thread.spawn_scoped(scope, || {
                    report(during(Doing::Holding, || attend(client)));
                    let _ = free.send(()); // .. and free it there
                })
            };
            report(listener.accept().and_then(visit));
        }
        Ok(())
    })
}
// [/serve]

fn attend((mut stream, address): (TcpStream, SocketAddr)) -> io::Result<()> {
    say!("{address} connected");
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    say!("{address} left");
    Ok(())
}
