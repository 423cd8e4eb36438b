//! WRONG: others are served as before
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
    while let count @ 1.. = stream.read(&mut data).unwrap_or_else(|_| std::process::exit(1)) {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    Ok(())
}
