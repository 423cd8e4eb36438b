//! WRONG: of eight who come at once, two get in
use std::io;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::sleep;
use std::time::Duration;

use crate::websocket::{asked, close, visit};

static INSIDE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let Some(asked) = asked(stream)? else { return Ok(()) };
    let stream = asked.switch("")?;
    if INSIDE.load(SeqCst) >= crate::number("most", 1000) {
        return close(&stream, 1013);
    }
    sleep(Duration::from_millis(30)); // looks something up about this guest
    INSIDE.fetch_add(1, SeqCst);
    let result = visit(stream, str::to_owned);
    INSIDE.fetch_sub(1, SeqCst);
    result
}
