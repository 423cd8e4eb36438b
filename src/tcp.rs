//! TCP: how its sockets are made, and what the library needs of them.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use crate::acceptor::Acceptor;
use crate::connections::ShutDown;
use crate::handler::RequestHandler;
use crate::options::Options;
use crate::server::{ThreadedServer, Transport};
use crate::stream::TcpRequest;
use crate::transport::{ACCEPT_INHERITS_NONBLOCKING, Listener, Sealed, Stream};
use crate::wake::SHUTTING_DOWN_WAKES_ACCEPT;

/// Makes a listening socket: `socket`, `bind` and `listen`.
pub(crate) fn bind(
    address: &(impl ToSocketAddrs + fmt::Debug),
    options: &Options,
) -> io::Result<TcpListener> {
    let socket = bind_first(address, |address| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // On Windows this would let another program take the port from us.
        let reuse = options.reuse_address.unwrap_or(cfg!(unix));
        set_options(&socket, address, options, reuse)?;
        socket.bind(&address.into())?;
        socket.listen(options.system_backlog())?;
        Ok(socket)
    })?;
    Ok(socket.into())
}

/// Binds to the first of the addresses that a name stands for where that is possible.
/// Errors name the address.
pub(crate) fn bind_first(
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
        let message = format!("{name:?} stands for no address");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    }))
}

/// The options that TCP and UDP sockets have in common.
pub(crate) fn set_options(
    socket: &Socket,
    address: SocketAddr,
    options: &Options,
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
    Ok(())
}

/// Makes the server. `is_ours` says that no other process has the listening socket.
pub(crate) fn serve<H: RequestHandler<TcpRequest>>(
    listener: TcpListener,
    is_ours: bool,
    handler: H,
    options: Options,
) -> io::Result<ThreadedServer> {
    let may_sleep = is_ours && SHUTTING_DOWN_WAKES_ACCEPT;
    listener.set_nonblocking(!may_sleep)?;
    let address = listener.local_addr()?;
    let name = format!("tcp-{}", address.port());
    ThreadedServer::new(address, name, options, |server| {
        Acceptor::new(listener, may_sleep, None, handler, server)
    })
}

impl Transport for TcpListener {
    type Request = TcpRequest;
    type Address = SocketAddr;

    fn into_server<H: RequestHandler<TcpRequest>>(
        self,
        handler: H,
        options: Options,
    ) -> io::Result<ThreadedServer> {
        serve(self, false, handler, options)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        self.accept()
    }
}

impl Stream for TcpStream {
    type Address = SocketAddr;
    type Client = SocketAddr;

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&mut &*self).read(buffer)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self).write(bytes)
    }

    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(time)
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout(time)
    }

    fn prepare(&self, nodelay: bool) -> io::Result<()> {
        if ACCEPT_INHERITS_NONBLOCKING {
            self.set_nonblocking(false)?;
        }
        if nodelay {
            // Some systems refuse when the client has gone already; reading will tell.
            let _ = self.set_nodelay(true);
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn wait_until_sent(&self, until: Option<std::time::Instant>) {
        // With this option a socket is writable only if less than so many bytes wait to
        // be sent.
        if SockRef::from(self).set_tcp_notsent_lowat(1).is_ok() {
            let _ = crate::wake::wait_writable(self, until); // it was worth a try
        }
    }
}

impl ShutDown for TcpStream {
    fn shut_down(&self, how: Shutdown) {
        let _ = self.shutdown(how); // the client may have gone already
    }
}

impl ShutDown for TcpListener {
    fn shut_down(&self, how: Shutdown) {
        let _ = SockRef::from(self).shutdown(how); // it can be done only once
    }
}

impl Sealed for TcpListener {}
impl Sealed for TcpStream {}
