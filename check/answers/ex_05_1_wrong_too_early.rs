//! WRONG: the reply comes
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let copy = stream.try_clone()?;
    thread::spawn(move || {
        thread::sleep(Duration::from_secs(60)); // stands for writing a log
        drop(copy);
    });
    let count = io::copy(&mut stream, &mut io::sink())?;
    stream.shutdown(Shutdown::Both)?;
    stream.write_all(format!("{count} bytes").as_bytes())
}
