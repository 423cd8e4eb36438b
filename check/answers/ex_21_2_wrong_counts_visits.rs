//! WRONG: when a client leaves, the next one is served
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    for _ in 0..crate::number("most", 1000) {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || crate::report(echo(stream)));
    }
    loop {
        thread::park(); // nobody ever gives a place back
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&data[..count])?;
    }
}
