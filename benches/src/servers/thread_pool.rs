//! The `threadpool` crate: as many threads as connections are expected, started in
//! advance, and one queue of connections for all of them.

use std::io;

use threadpool::ThreadPool;

use super::control::Control;
use super::{handler, listen};
use crate::setup::Setup;

pub(super) fn tcp(setup: Setup) -> io::Result<()> {
    let listener = listen(setup)?;
    let pool = ThreadPool::new(setup.connections);
    Control::announce_unstoppable(listener.local_addr()?);
    let handle = handler(setup);
    for stream in listener.incoming() {
        let mut stream = stream?;
        pool.execute(move || drop(handle(&mut stream)));
    }
    Ok(())
}
