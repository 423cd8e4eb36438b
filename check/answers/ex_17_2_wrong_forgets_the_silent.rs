//! WRONG: when the silent one sends something, it is served as well
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
                std::thread::sleep(std::time::Duration::from_millis(20));
                clients.push((stream, 0));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => println!("error: {error}"),
        }
        clients.retain_mut(|(stream, total)| {
            let mut data = [0; 64 * 1024];
            match stream.read(&mut data) {
                Ok(0) => println!("{total} bytes came"),
                Ok(count) => {
                    *total += count;
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return *total > 0,
                Err(error) => println!("error: {error}"),
            }
            false
        });
    }
}
