//! UDP: how its socket is made, and what the library needs of it.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use socket2::{Domain, Socket, Type};

use crate::datagram::UdpRequest;
use crate::handler::RequestHandler;
use crate::options::Options;
use crate::receivers::Receivers;
use crate::server::{ThreadedServer, Transport};
use crate::tcp::{bind_first, set_options};
use crate::transport::{Datagrams, Sealed};

/// Makes a bound socket: `socket` and `bind`. There is nothing to listen for.
pub(crate) fn bind(
    address: &(impl ToSocketAddrs + fmt::Debug),
    options: &Options,
) -> io::Result<UdpSocket> {
    let socket = bind_first(address, |address| {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        // It would let another program bind the same port and take our datagrams.
        let reuse = options.reuse_address.unwrap_or(false);
        set_options(&socket, address, options, reuse)?;
        socket.bind(&address.into())?;
        Ok(socket)
    })?;
    Ok(socket.into())
}

impl Transport for UdpSocket {
    type Request = UdpRequest;
    type Address = SocketAddr;

    fn into_server<H: RequestHandler<UdpRequest>>(
        self,
        handler: H,
        options: Options,
    ) -> io::Result<ThreadedServer> {
        self.set_nonblocking(true)?;
        let address = self.local_addr()?;
        let name = format!("udp-{}", address.port());
        ThreadedServer::new(address, name, options, |server| {
            Receivers::new(self, None, handler, server)
        })
    }
}

impl Datagrams for UdpSocket {
    type Address = SocketAddr;
    type Client = SocketAddr;

    fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_from(buffer)
    }

    fn send(&self, bytes: &[u8], client: &SocketAddr) -> io::Result<usize> {
        self.send_to(bytes, client)
    }
}

impl Sealed for UdpSocket {}
