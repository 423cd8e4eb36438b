//! WRONG: when the silent one sends something, it is served as well
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    listener.set_nonblocking(true)?;
    let mut clients: Vec<TcpStream> = Vec::new();
    let mut total = 0;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(true)?;
                clients.push(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => println!("error: {error}"),
        }
        clients.retain_mut(|stream| {
            let mut data = [0; 64 * 1024];
            match stream.read(&mut data) {
                Ok(0) => println!("{total} bytes came"),
                Ok(count) => {
                    total += count;
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => println!("error: {error}"),
            }
            false
        });
    }
}
