//! WRONG: a client's replies come in the order it asked
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

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
        let (request, mut writer) = (data[..count].to_vec(), stream.try_clone()?);
        let reply = move || {
            if request.starts_with(b"!") {
                thread::sleep(Duration::from_millis(crate::number("work", 0) as u64));
            }
            crate::report(writer.write_all(&request));
        };
        thread::spawn(reply); // and nobody waits for it
    }
}
