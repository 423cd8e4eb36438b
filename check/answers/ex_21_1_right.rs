//! RIGHT
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend) // a thread for each client: its work is nobody else's concern
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        if data.starts_with(b"!") {
            thread::sleep(Duration::from_millis(crate::number("work", 0) as u64));
        }
        stream.write_all(&data[..count])?;
    }
}
