//! WRONG: even if it comes in pieces
use std::io::{self, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let mut greeting = Vec::new();
    let mut data = [0; 10];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            break;
        }
        greeting.extend_from_slice(&data[..count]);
        if count < 10 {
            break;
        }
    }
    println!("received {}", String::from_utf8_lossy(&greeting));
    Ok(())
}
