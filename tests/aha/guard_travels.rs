//! Lesson 10: Python's original print-lock server, word for word. The compiler rejects
//! this; `tests/aha/lesson_10.rs` checks its message.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::thread;

static PRINT_LOCK: Mutex<()> = Mutex::new(());

fn main() -> io::Result<()> {
    serve(&TcpListener::bind("127.0.0.1:12346")?)
}

// [serve]
fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        let guard = PRINT_LOCK.lock().unwrap_or_else(PoisonError::into_inner);
        thread::spawn(move || {
            reverse(stream);
            drop(guard);
        });
    }
}
// [/serve]

fn reverse(stream: TcpStream) {
    drop(stream);
}
