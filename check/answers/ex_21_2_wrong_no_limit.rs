//! WRONG: with `--most 2`, the third client has to wait
use std::io::{self, Read, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(echo)
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&data[..count])?;
    }
}
