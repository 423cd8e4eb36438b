//! WRONG: a silent client is disconnected
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
    loop {
        let Ok(count) = stream.read(&mut data) else { continue };
        if count == 0 {
            break;
        }
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    Ok(())
}
