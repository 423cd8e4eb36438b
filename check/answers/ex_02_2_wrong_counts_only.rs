//! WRONG: it notices a server that changes a byte
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let message = vec![b'x'; crate::number("bytes", 12)];
    let mut answer = vec![0; message.len()];
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let sent = scope.spawn(|| writer.write_all(&message));
        stream.read_exact(&mut answer)?;
        sent.join().unwrap_or(Ok(()))
    })?;
    println!("{} bytes came back", answer.len());
    Ok(())
}
