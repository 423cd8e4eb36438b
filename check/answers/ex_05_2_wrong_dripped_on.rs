//! WRONG: a client that trickles on keeps nobody waiting
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let count = io::copy(&mut (&mut stream).take(1001), &mut io::sink())?;
    if count <= 1000 {
        return stream.write_all(format!("{count} bytes").as_bytes());
    }
    stream.write_all(b"too long")?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}
