//! WRONG: even if a piece ends in the middle of a letter
use std::io::{self, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let mut greeting = String::new();
    let mut data = [0; 10];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            break;
        }
        greeting += &String::from_utf8_lossy(&data[..count]);
    }
    println!("received {}", greeting);
    Ok(())
}
