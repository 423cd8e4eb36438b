//! WRONG: the server serves one client without waiting for a second one
use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let first = listener.try_clone()?;
    let mut clients: Vec<(TcpStream, usize)> = Vec::new();
    for _ in 0..2 {
        let (stream, _) = first.accept()?;
        stream.set_nonblocking(true)?;
        clients.push((stream, 0));
    }
    loop {
        clients.retain_mut(|(stream, total)| {
            let mut data = [0; 64 * 1024];
            match stream.read(&mut data) {
                Ok(0) => println!("{total} bytes came"),
                Ok(count) => {
                    *total += count;
                    return true;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) => println!("error: {error}"),
            }
            false
        });
    }
}
