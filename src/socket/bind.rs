//! How TCP and UDP sockets are bound.

use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use socket2::{Domain, Socket, TcpKeepalive, Type};

use crate::options::{Options, SocketOptions};

/// Makes a listening socket: `socket`, `bind` and `listen`.
pub(crate) fn tcp(
    address: &(impl ToSocketAddrs + fmt::Debug),
    options: &Options,
) -> io::Result<Socket> {
    bind_first(address, |address| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // On Windows, reusing the address would let another program take the port from us.
        let reuse = options.socket.reuse_address.unwrap_or(cfg!(unix));
        set_options(&socket, address, &options.socket, reuse)?;
        set_connection_options(&socket, &options.socket)?; // for all of its connections
        socket.bind(&address.into())?;
        socket.listen(options.system_backlog())?;
        Ok(socket)
    })
}

/// Makes a bound socket: `socket` and `bind`. There is nothing to listen for.
pub(crate) fn udp(
    address: &(impl ToSocketAddrs + fmt::Debug),
    options: &Options,
) -> io::Result<Socket> {
    bind_first(address, |address| {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
        // Reusing the address would let another program bind the same port and take our
        // datagrams.
        let reuse = options.socket.reuse_address.unwrap_or(false);
        set_options(&socket, address, &options.socket, reuse)?;
        socket.bind(&address.into())?;
        Ok(socket)
    })
}

/// Binds to the first address of a name where that works. Errors contain the address.
fn bind_first(
    name: &(impl ToSocketAddrs + fmt::Debug),
    bind: impl Fn(SocketAddr) -> io::Result<Socket>,
) -> io::Result<Socket> {
    let addresses = name.to_socket_addrs().map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot find the address {name:?}: {error}"),
        )
    })?;
    let mut failure = None;
    for address in addresses {
        match bind(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => {
                let message = format!("cannot listen on {address}: {error}");
                failure = Some(io::Error::new(error.kind(), message));
            }
        }
    }
    Err(failure.unwrap_or_else(|| {
        let message = format!("{name:?} has no addresses");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    }))
}

/// The options that TCP and UDP sockets have in common.
fn set_options(
    socket: &Socket,
    address: SocketAddr,
    options: &SocketOptions,
    reuse_address: bool,
) -> io::Result<()> {
    if reuse_address {
        socket.set_reuse_address(true)?;
    }
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    if options.reuse_port {
        socket.set_reuse_port(true)?;
    }
    if let (Some(yes), true) = (options.only_v6, address.is_ipv6()) {
        socket.set_only_v6(yes)?;
    }
    set_buffers(socket, options)
}

/// The sizes of the system's buffers. Connections inherit them from the listening socket.
pub(crate) fn set_buffers(socket: &Socket, options: &SocketOptions) -> io::Result<()> {
    if let Some(bytes) = options.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        socket.set_send_buffer_size(bytes)?;
    }
    Ok(())
}

/// Sets the options of a connection. On Linux, connections inherit them from the listener.
pub(crate) fn set_connection_options(
    socket: &Socket,
    options: &SocketOptions,
) -> io::Result<()> {
    if options.nodelay {
        socket.set_tcp_nodelay(true)?;
    }
    if let Some(time) = options.keepalive {
        socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
    }
    Ok(())
}

/// Whether the options of each connection must be set. A listener that we didn't bind
/// might not have them, so its connections don't inherit them.
pub(crate) fn must_set_options(listener: &Socket, options: &SocketOptions) -> bool {
    let is_missing = |is_wanted: bool, is_set: io::Result<bool>| {
        is_wanted && !is_set.unwrap_or(true) // only TCP sockets have it
    };
    !cfg!(target_os = "linux")
        || is_missing(options.nodelay, listener.tcp_nodelay())
        || is_missing(options.keepalive.is_some(), listener.keepalive())
}
