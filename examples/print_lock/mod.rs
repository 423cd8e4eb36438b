//! A print-lock server with a common mistake, built on purpose: the accept loop takes
//! the lock, and the client's thread frees it. Lesson 10 shows how its clients wait.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, Builder};

use crossbeam_channel::bounded;

use crate::support::{BackOff, Doing, during, keep_trying, report, retry, say};

// [serve]
pub(crate) fn serve(listener: &TcpListener, count: usize) -> io::Result<()> {
    let (free, take) = bounded(1); // a channel with space for one token
    let _ = free.send(()); // the token is in it, so the lock is free
    let mut threads = BackOff::default();
    thread::scope(|scope| {
        for number in 1..=count {
            let thread = Builder::new().name(format!("original {number}"));
            let client = keep_trying(|| listener.accept());
            let _ = during(Doing::Waiting, || take.recv()); // take the lock here ..
            let thread = thread.spawn_scoped(scope, || {
                report(during(Doing::Holding, || attend(client)));
                let _ = free.send(()); // .. and free it there
            });
            if threads.after(thread).is_none() {
                let _ = free.send(()); // no thread could start: this client is lost
            }
        }
        Ok(())
    })
}
// [/serve]

fn attend((mut stream, address): (TcpStream, SocketAddr)) -> io::Result<()> {
    say!("{address} connected");
    let mut data = [0; 1024];
    while let count @ 1.. = retry(|| stream.read(&mut data))? {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    say!("{address} left");
    Ok(())
}
