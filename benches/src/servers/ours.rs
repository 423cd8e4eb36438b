//! This project's library, with its defaults but for the size of the queue and the
//! number of connections, which a thousand idle ones and one active one exceed.

use std::io;

use socketserver::{
    RequestHandler, ServerBuilder, TcpRequest, ThreadedServer, UdpRequest,
};

use super::control::Control;
use super::{LARGE, SMALL, echo, work_on};
use crate::setup::Setup;

#[derive(Clone)]
struct Echo<const N: usize>;

impl<const N: usize> RequestHandler for Echo<N> {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        echo::<N>(request)
    }
}

impl<const N: usize> RequestHandler<UdpRequest> for Echo<N> {
    fn handle(&mut self, request: &mut UdpRequest) -> io::Result<()> {
        work_on(request.data());
        request.reply(request.data())
    }
}

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    serve_tcp(ThreadedServer::builder(), setup)
}

/// Waits for a silent client for ever.
pub(super) fn patient(setup: Setup) -> io::Result<()> {
    serve_tcp(ThreadedServer::builder().read_timeout(None), setup)
}

fn serve_tcp(builder: ServerBuilder, setup: Setup) -> io::Result<()> {
    let mut builder = builder.max_connections(12_000);
    if let Some(backlog) = setup.backlog {
        builder = builder.backlog(backlog);
    }
    let address = "127.0.0.1:0";
    serve(if setup.bulk {
        builder.tcp(address, Echo::<LARGE>)?
    } else {
        builder.tcp(address, Echo::<SMALL>)?
    })
}

pub(super) fn udp() -> io::Result<()> {
    serve(ThreadedServer::udp("127.0.0.1:0", Echo::<SMALL>)?)
}

fn serve(server: ThreadedServer) -> io::Result<()> {
    let handle = server.handle();
    let stopper = handle.clone();
    let control = Control::announce(server.local_addr(), move || stopper.shutdown());
    server.serve_forever()?;
    control.stopped(handle.stats().finished);
    Ok(())
}
