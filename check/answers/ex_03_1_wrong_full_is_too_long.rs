//! WRONG: 80 bytes aren't too long
use std::io;
use std::net::UdpSocket;

pub(crate) fn main() -> io::Result<()> {
    let socket = UdpSocket::bind(crate::addr())?;
    println!("listening on {}", socket.local_addr()?);
    let mut data = [0; 80];
    loop {
        let (count, client) = socket.recv_from(&mut data)?;
        let answer = [b"OK...", &data[..count]].concat();
        let answer = if count == 80 { b"too long" } else { &answer[..] };
        crate::report(socket.send_to(answer, client));
    }
}
