//! WRONG: clients get replies, even while another one is silent
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, Sender};
use std::thread;

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let (lines, printed) = mpsc::channel::<String>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut count = 0;
            for line in printed {
                count += 1;
                println!("line {count}: {line}");
            }
            println!("{count} lines in all");
        });
        for _ in 0..crate::number("clients", usize::MAX) {
            let (stream, _) = listener.accept()?;
            let lines = lines.clone();
            crate::report(attend(stream, &lines));
        }
        drop(lines);
        Ok(())
    })
}

fn attend(mut stream: TcpStream, lines: &Sender<String>) -> io::Result<()> {
    let address = stream.peer_addr()?;
    let _ = lines.send(format!("{address} connected"));
    let mut data = [0; 1024];
    while let count @ 1.. = stream.read(&mut data)? {
        data[..count].reverse();
        stream.write_all(&data[..count])?;
    }
    let _ = lines.send(format!("{address} left"));
    Ok(())
}
