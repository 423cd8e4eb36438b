//! By hand, with the standard library: a thread for each connection. The baseline.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::sync::{Arc, mpsc};
use std::thread;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::control::Control;
use super::{certificate, handler, listen, work_on};
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

/// The same, but it can stop: it shuts down each connection, and waits for each thread.
pub(super) fn stoppable(setup: Setup) -> io::Result<()> {
    let listener = listen(setup)?;
    let (address, handle) = (listener.local_addr()?, handler(setup));
    let (accepted, clients) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream: TcpStream = stream?;
            let again = stream.try_clone()?;
            let thread = thread::spawn(move || handle(&mut stream));
            accepted.send((again, thread)).map_err(io::Error::other)?;
        }
        io::Result::Ok(())
    });
    let (stop, stopping) = mpsc::channel();
    let control = Control::announce(address, move || {
        let _ = stop.send(()); // the main thread listens
    });
    stopping.recv().map_err(io::Error::other)?;
    let clients: Vec<_> = clients.try_iter().collect();
    for (stream, _) in &clients {
        stream.shutdown(Shutdown::Both)?;
    }
    let ended = clients.into_iter().filter_map(|(_, thread)| thread.join().ok());
    control.stopped(ended.filter(Result::is_ok).count() as u64);
    Ok(())
}

/// Encrypted, with `rustls` as its own documentation shows it.
pub(super) fn tls(setup: Setup) -> io::Result<()> {
    let (certificate, key) = certificate()?;
    let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
    let certificate =
        CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(invalid)?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(invalid)?;
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key);
    let config = Arc::new(config.map_err(io::Error::other)?);

    let listener = listen(setup)?;
    Control::announce_unstoppable(listener.local_addr()?);
    let handle = handler(setup);
    for stream in listener.incoming() {
        let (stream, config) = (stream?, Arc::clone(&config));
        stream.set_nodelay(true)?;
        thread::spawn(move || {
            let tls = ServerConnection::new(config).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(tls, stream);
            handle(&mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()
        });
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
