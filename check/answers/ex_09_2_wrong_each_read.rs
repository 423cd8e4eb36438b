//! WRONG: its two bytes can come in two reads
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        let text = String::from_utf8_lossy(&data[..count]);
        let text: String = text.trim_end().chars().rev().collect();
        writeln!(stream, "{text}")?;
    }
    Ok(())
}
