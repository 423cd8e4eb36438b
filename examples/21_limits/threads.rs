//! The echo with a thread for each client, as in lesson 09.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use crate::support::{BackOff, keep_trying, report, retry};
use crate::work::Work;

// [serve]
pub(crate) fn serve(listener: TcpListener, work: Work) -> io::Result<()> {
    let mut back_off = BackOff::default();
    loop {
        let (stream, _) = keep_trying(|| listener.accept());
        let client = move || report(echo(stream, work));
        back_off.after(thread::Builder::new().name("client".to_owned()).spawn(client));
    }
}

fn echo(mut stream: TcpStream, work: Work) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = retry(|| stream.read(&mut data))?; // the thread sleeps here
        if count == 0 {
            return Ok(());
        }
        work.before_replying_to(&data[..count]);
        stream.write_all(&data[..count])?;
    }
}
// [/serve]
