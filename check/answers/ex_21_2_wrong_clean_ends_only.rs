//! WRONG: when a connection is reset, too
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

static HERE: Mutex<usize> = Mutex::new(0);
static LEFT: Condvar = Condvar::new();

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let most = crate::number("most", 1000);
    loop {
        let here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        drop(LEFT.wait_while(here, |here| *here >= most)); // an error gives nothing back
        let (stream, _) = listener.accept()?;
        *HERE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        thread::spawn(move || {
            if echo(stream).is_err() {
                return;
            }
            *HERE.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
            LEFT.notify_all();
        });
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        stream.write_all(&data[..count])?;
    }
}
