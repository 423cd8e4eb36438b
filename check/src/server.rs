//! Servers for solutions that are clients.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::broken::Broken;

/// A TCP server for one client, on its own thread.
pub(crate) fn tcp(
    serve: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static,
) -> Result<SocketAddr, Broken> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(no_socket)?;
    let addr = listener.local_addr().map_err(no_socket)?;
    thread::spawn(move || {
        let Ok((stream, _)) = listener.accept() else { return };
        let _ = stream.set_nodelay(true);
        let _ = serve(stream); // if something goes wrong, the client sees it
    });
    Ok(addr)
}

/// Sends back what it receives, as lesson 02's server does, up to `most` bytes.
pub(crate) fn echo(stream: &mut TcpStream, most: usize) -> io::Result<()> {
    let mut data = [0; 16 * 1024];
    let mut left = most;
    while left > 0 {
        let count = stream.read(&mut data)?;
        if count == 0 {
            break;
        }
        stream.write_all(&data[..count])?;
        left = left.saturating_sub(count);
    }
    Ok(())
}

/// A UDP socket that receives a client's datagrams.
pub(crate) fn udp() -> Result<UdpSocket, Broken> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(no_socket)?;
    socket.set_read_timeout(Some(Duration::from_millis(50))).map_err(no_socket)?;
    Ok(socket)
}

fn no_socket(error: io::Error) -> Broken {
    Broken::new("This machine has no socket left, which isn't your fault.")
        .expected("a socket")
        .received(error.to_string())
}
