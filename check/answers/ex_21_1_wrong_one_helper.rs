//! WRONG: twenty clients' work goes on at the same time
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

static HELPER: Mutex<()> = Mutex::new(());

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    loop {
        let count = stream.read(&mut data)?;
        if count == 0 {
            return Ok(());
        }
        if data.starts_with(b"!") {
            let _helps = HELPER.lock();
            thread::sleep(Duration::from_millis(crate::number("work", 0) as u64));
        }
        stream.write_all(&data[..count])?;
    }
}
