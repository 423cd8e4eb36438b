//! What a client that is judged talks to.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use crate::broken::Broken;

/// A TCP server for one client, on a thread of its own.
pub(crate) fn tcp(
    serve: impl FnOnce(TcpStream) -> io::Result<()> + Send + 'static,
) -> Result<SocketAddr, Broken> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(no_socket)?;
    let addr = listener.local_addr().map_err(no_socket)?;
    thread::spawn(move || {
        let Ok((stream, _)) = listener.accept() else { return };
        let _ = stream.set_nodelay(true);
        let _ = serve(stream); // the client sees it, if something goes wrong
    });
    Ok(addr)
}

/// Sends back what comes, as lesson 02's server does, until `most` bytes have come.
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

/// A UDP socket on which a client's datagrams come.
pub(crate) fn udp() -> Result<UdpSocket, Broken> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(no_socket)?;
    socket.set_read_timeout(Some(Duration::from_millis(50))).map_err(no_socket)?;
    Ok(socket)
}

fn no_socket(error: io::Error) -> Broken {
    Broken::new("This machine has no socket to give: it is not your fault.")
        .expected("a socket")
        .received(error.to_string())
}
