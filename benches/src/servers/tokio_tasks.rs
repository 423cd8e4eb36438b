//! Tokio: a task for each connection, on as many threads as there are cores.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::runtime::Runtime;

use super::control::Control;
use super::{LARGE, SMALL, long_reply, work_on};
use crate::setup::{Setup, Task};

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let listener = listen(setup).await?;
        Control::announce_unstoppable(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            match setup.task {
                Task::Echo => tokio::spawn(echo::<SMALL>(stream, |_| {})),
                Task::Bulk => tokio::spawn(echo::<LARGE>(stream, |_| {})),
                Task::Slow => tokio::spawn(echo::<SMALL>(stream, work_on)),
                Task::LongReply => tokio::spawn(reply(stream)),
            };
        }
    })
}

async fn listen(setup: Setup) -> io::Result<TcpListener> {
    let Some(backlog) = setup.backlog else {
        return TcpListener::bind("127.0.0.1:0").await;
    };
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(backlog)
}

async fn echo<const N: usize>(
    mut stream: TcpStream,
    work_on: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut data = [0; N];
    loop {
        let count = stream.read(&mut data).await?;
        if count == 0 {
            return Ok(());
        }
        work_on(&data[..count]);
        stream.write_all(&data[..count]).await?;
    }
}

async fn reply(mut stream: TcpStream) -> io::Result<()> {
    stream.read_exact(&mut [0]).await?;
    stream.write_all(&long_reply()).await
}

/// One task that receives and replies.
pub(super) fn udp() -> io::Result<()> {
    Runtime::new()?.block_on(async {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        Control::announce_unstoppable(socket.local_addr()?);
        let mut data = [0; 2048];
        loop {
            let (count, client) = socket.recv_from(&mut data).await?;
            socket.send_to(&data[..count], client).await?;
        }
    })
}
