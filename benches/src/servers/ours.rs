//! This project's library, with its defaults. Only the size of the queue and the number
//! of connections differ, because a thousand idle connections and an active one exceed
//! the default.

use std::io;

use socketserver::{Certificate, ServerBuilder, TcpRequest, ThreadedServer, UdpRequest};

use super::control::Control;
use super::{certificate, handler, work_on};
use crate::setup::Setup;

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    serve_tcp(ThreadedServer::builder(), setup)
}

/// Waits for a silent client forever.
pub(super) fn patient(setup: Setup) -> io::Result<()> {
    serve_tcp(ThreadedServer::builder().read_timeout(None), setup)
}

fn serve_tcp(builder: ServerBuilder, setup: Setup) -> io::Result<()> {
    let mut builder = builder.max_connections(12_000);
    if let Some(backlog) = setup.backlog {
        builder = builder.backlog(backlog);
    }
    serve(builder.tcp("127.0.0.1:0", handler::<TcpRequest>(setup))?)
}

/// Encrypted.
pub(super) fn tls(setup: Setup) -> io::Result<()> {
    let (certificate, key) = certificate()?;
    let certificate = Certificate::from_pem(&certificate, &key)?;
    serve_tcp(ThreadedServer::builder().tls(certificate), setup)
}

pub(super) fn udp() -> io::Result<()> {
    let handle = |request: &mut UdpRequest| {
        work_on(request.data());
        request.reply(request.data())
    };
    serve(ThreadedServer::udp("127.0.0.1:0", handle)?)
}

fn serve(server: ThreadedServer) -> io::Result<()> {
    let handle = server.handle();
    let stopper = handle.clone();
    let control = Control::announce(server.local_addr(), move || stopper.shutdown());
    server.serve_forever()?;
    control.stopped(handle.stats().finished);
    Ok(())
}
