//! WRONG: 100,000,000 bytes come back
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let message = vec![b'x'; crate::number("bytes", 12)];
    let mut answer = vec![0; message.len()];
    stream.write_all(&message)?;
    stream.read_exact(&mut answer)?;
    if answer != message {
        return Err(io::Error::other("other bytes came back"));
    }
    println!("{} bytes came back", answer.len());
    Ok(())
}
