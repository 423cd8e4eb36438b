//! By hand, with the standard library: a thread for each connection. The baseline.

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use super::control::Control;
use super::{handler, listen, work_on};
use crate::setup::Setup;

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    let listener = listen(setup)?;
    Control::announce_unstoppable(listener.local_addr()?);
    let handle = handler(setup);
    for stream in listener.incoming() {
        let mut stream: TcpStream = stream?;
        thread::spawn(move || handle(&mut stream));
    }
    Ok(())
}

/// One thread that receives and replies.
pub(super) fn udp() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    Control::announce_unstoppable(socket.local_addr()?);
    let mut data = [0; 2048];
    loop {
        let (count, client) = socket.recv_from(&mut data)?;
        work_on(&data[..count]);
        socket.send_to(&data[..count], client)?;
    }
}

/// A thread for each datagram.
pub(super) fn udp_spawn() -> io::Result<()> {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0")?);
    Control::announce_unstoppable(socket.local_addr()?);
    let mut data = [0; 2048];
    loop {
        let (count, client) = socket.recv_from(&mut data)?;
        let (socket, data) = (Arc::clone(&socket), data[..count].to_vec());
        thread::spawn(move || {
            work_on(&data);
            socket.send_to(&data, client)
        });
    }
}
