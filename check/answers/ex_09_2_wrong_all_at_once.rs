//! WRONG: two lines can come in one read
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut line = Vec::new();
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        line.extend_from_slice(&data[..count]);
        if line.ends_with(b"\n") {
            let text = String::from_utf8_lossy(&line);
            let text: String = text.trim_end().chars().rev().collect();
            writeln!(stream, "{text}")?;
            line.clear();
        }
    }
    Ok(())
}
