//! WRONG: a longer greeting, too
use std::io::{self, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let mut greeting = Vec::new();
    let mut data = [0; 10];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 || greeting.len() >= 24 {
            break;
        }
        greeting.extend_from_slice(&data[..count]);
    }
    println!("received {}", String::from_utf8_lossy(&greeting));
    Ok(())
}
