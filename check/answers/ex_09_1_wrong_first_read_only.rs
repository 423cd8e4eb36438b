//! WRONG: so is one that talks, and is silent after that
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let limit = Duration::from_millis(crate::number("limit", 300_000) as u64);
    stream.set_read_timeout(Some(limit))?;
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        stream.set_read_timeout(None)?;
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    Ok(())
}
