//! WRONG: a line that isn't text affects only that client
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    for line in BufReader::new(&stream).lines() {
        let text: String = line.unwrap_or_else(|_| std::process::exit(1)).chars().rev().collect();
        writeln!(&stream, "{text}")?;
    }
    Ok(())
}
