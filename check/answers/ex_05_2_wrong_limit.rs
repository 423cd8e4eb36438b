//! WRONG: 1000 bytes aren't too long
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let count = io::copy(&mut (&mut stream).take(1001), &mut io::sink())?;
    if count < 1000 {
        return stream.write_all(format!("{count} bytes").as_bytes());
    }
    stream.write_all(b"too long")?;
    stream.shutdown(Shutdown::Write)?;
    let begin = Instant::now();
    let mut data = [0; 64 * 1024];
    while begin.elapsed() < Duration::from_secs(2) && stream.read(&mut data)? > 0 {}
    Ok(())
}
