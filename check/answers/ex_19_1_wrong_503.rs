//! WRONG: with `--most 2`, the third is told 1013, right after the 101
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use crate::websocket::{asked, visit};

static INSIDE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    if !take() {
        return asked.refuse("503 Service Unavailable");
    }
    let result = visit(asked.switch("")?, str::to_owned);
    INSIDE.fetch_sub(1, SeqCst);
    result
}

/// Takes a place, if there is one.
fn take() -> bool {
    let most = crate::number("most", 1000);
    let more = |inside| (inside < most).then_some(inside + 1);
    INSIDE.fetch_update(SeqCst, SeqCst, more).is_ok()
}
