//! WRONG: a client that gets its reply at once sends once, and prints the reply
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(crate::addr())?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let message = crate::words().join(" ");
    let mut data = [0; 65_535];
    for _ in 0..3 {
        socket.send(message.as_bytes())?;
        match socket.recv(&mut data) {
            Ok(count) => {
                println!("received {:?}", String::from_utf8_lossy(&data[..count]));
            }
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
