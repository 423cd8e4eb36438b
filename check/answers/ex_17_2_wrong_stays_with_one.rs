//! WRONG: a silent client doesn't stop the others
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    listener.set_nonblocking(true)?;
    let mut clients: Vec<(TcpStream, usize)> = Vec::new();
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                clients.push((stream, 0));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => println!("error: {error}"),
        }
        clients.retain_mut(|(stream, total)| {
            let mut data = [0; 64 * 1024];
            loop {
            match stream.read(&mut data) {
                Ok(0) => {
                    println!("{total} bytes came");
                    return false;
                }
                Ok(count) => {
                    *total += count;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => println!("error: {error}"),
            }
            }
        });
    }
}
