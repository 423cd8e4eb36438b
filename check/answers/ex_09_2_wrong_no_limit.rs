//! WRONG: a line without an end isn't collected forever
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        let text: String = line?.chars().rev().collect();
        writeln!(&stream, "{text}")?;
    }
    Ok(())
}
