//! WRONG: the room gets no line about it
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::websocket::{asked, close, post, visit};

static INSIDE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    let stream = asked.switch("")?;
    if !take() {
        post(0, "-- somebody came, and the room is full");
        return close(&stream, 1013);
    }
    let result = visit(stream, str::to_owned);
    INSIDE.fetch_sub(1, SeqCst);
    result
}

/// Takes a place, if there is one.
fn take() -> bool {
    let most = crate::number("most", 1000);
    let more = |inside| (inside < most).then_some(inside + 1);
    INSIDE.fetch_update(SeqCst, SeqCst, more).is_ok()
}
