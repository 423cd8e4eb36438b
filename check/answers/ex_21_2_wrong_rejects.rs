//! WRONG: with `--most 2`, the third client has to wait
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

static HERE: AtomicUsize = AtomicUsize::new(0);

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let most = crate::number("most", 1000);
    loop {
        let (stream, _) = listener.accept()?;
        if HERE.fetch_add(1, Ordering::Relaxed) >= most {
            HERE.fetch_sub(1, Ordering::Relaxed);
            continue; // closed, although it only had to wait
        }
        thread::spawn(move || {
            crate::report(echo(stream));
            HERE.fetch_sub(1, Ordering::Relaxed);
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
