//! WRONG: a line comes back reversed, with the newline at the end
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        let text = String::from_utf8_lossy(&data[..count]);
        let text: String = text.chars().rev().collect();
        write!(stream, "{text}")?;
    }
    Ok(())
}
