//! The echo with a task for each client, and one thread for all of them: tokio.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::support::{BackOff, report};
use crate::work::Work;

/// A runtime of one thread, so that all three servers can be compared.
pub(crate) fn serve(listener: std::net::TcpListener, work: Work) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    Builder::new_current_thread().enable_all().build()?.block_on(accept(listener, work))
}

// [serve]
async fn accept(listener: std::net::TcpListener, work: Work) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut back_off = BackOff::default();
    loop {
        if let Some((stream, _)) = back_off.check(listener.accept().await) {
            tokio::spawn(async move { report(echo(stream, work).await) });
        }
        tokio::time::sleep(back_off.left().unwrap_or_default()).await;
    }
}

async fn echo(mut stream: TcpStream, work: Work) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data).await?; // the task sleeps here
        if count == 0 {
            return Ok(());
        }
        work.before_replying_to(&data[..count]); // the whole thread sleeps here
        stream.write_all(&data[..count]).await?;
    }
}
// [/serve]
