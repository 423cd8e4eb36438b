//! WRONG: it notices a server that closes too early
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;

pub(crate) fn main() -> io::Result<()> {
    let mut stream = TcpStream::connect(crate::addr())?;
    let message = vec![b'x'; crate::number("bytes", 12)];
    let mut answer = vec![0; message.len()];
    let mut writer = stream.try_clone()?;
    thread::scope(|scope| {
        let sent = scope.spawn(|| writer.write_all(&message));
        let mut filled = 0;
        while filled < answer.len() {
            let count = stream.read(&mut answer[filled..])?;
            if count == 0 {
                thread::sleep(std::time::Duration::from_millis(1)); // other tests run, too
            }
            filled += count;
        }
        sent.join().unwrap_or(Ok(()))
    })?;
    if answer != message {
        return Err(io::Error::other("other bytes came back"));
    }
    println!("{} bytes came back", answer.len());
    Ok(())
}
