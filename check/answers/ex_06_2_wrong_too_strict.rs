//! WRONG: a client that talks for a second isn't cut off
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let until = Instant::now() + Duration::from_millis(300);
    let mut data = [0; 1024];
    loop {
        stream.set_read_timeout(Some(left(until)?))?;
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        let mut rest = &data[..count];
        while !rest.is_empty() {
            stream.set_write_timeout(Some(left(until)?))?;
            let count = stream.write(rest)?;
            rest = &rest[count..];
        }
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
