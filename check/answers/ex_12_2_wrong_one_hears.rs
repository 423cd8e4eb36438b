//! WRONG: one Ctrl-C ends both servers, and the program
use std::io::{self, ErrorKind, Read, Write};

use socketserver::{RequestHandler, TcpRequest, ThreadedServer, UdpRequest};

#[derive(Clone)]
struct Upper;

impl RequestHandler for Upper {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        let mut data = [0; 1024];
        while let count @ 1.. = request.read(&mut data)? {
            request.write_all(&data[..count].to_ascii_uppercase())?;
        }
        Ok(())
    }
}

impl RequestHandler<UdpRequest> for Upper {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        request.reply(&request.data().trim_ascii().to_ascii_uppercase())
    }
}

/// Binds both to one number; a free one may be taken for UDP, so ask again.
fn bind(addr: &str) -> io::Result<(ThreadedServer, ThreadedServer)> {
    let tcp = ThreadedServer::tcp(addr, Upper)?;
    match ThreadedServer::udp(tcp.local_addr(), Upper) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && addr.ends_with(":0") => bind(addr),
        udp => Ok((tcp, udp?)),
    }
}

pub(crate) fn main() -> io::Result<()> {
    let (tcp, udp) = bind(&crate::addr())?;
    tcp.handle().shutdown_on_ctrl_c()?;
    println!("listening on {}", tcp.local_addr());
    let tcp = tcp.spawn()?;
    udp.serve_forever()?;
    tcp.join()
}
