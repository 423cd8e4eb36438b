//! WRONG: a silent client stops nobody
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        let text: String = line?.chars().rev().collect();
        writeln!(&stream, "{text}")?;
    }
    Ok(())
}
