//! WRONG: a rejected client takes up no space
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::websocket::{asked, close, visit};

static INSIDE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    let stream = asked.switch("")?;
    let result = if take() { visit(stream, str::to_owned) } else { close(&stream, 1013) };
    INSIDE.fetch_sub(1, SeqCst);
    result
}

/// Takes a place, if there is one.
fn take() -> bool {
    let most = crate::number("most", 1000);
    let more = |inside| (inside < most).then_some(inside + 1);
    INSIDE.fetch_update(SeqCst, SeqCst, more).is_ok()
}
