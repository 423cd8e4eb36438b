//! WRONG: a line can be 10,000 bytes long
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const LONGEST: u64 = 1000;

pub(crate) fn main() -> io::Result<()> {
    crate::serve_all(attend)
}

fn attend(stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    loop {
        let mut line = Vec::new();
        (&mut reader).take(LONGEST + 1).read_until(b'\n', &mut line)?;
        let end = if line.ends_with(b"\n") { "\n" } else { "" };
        if line.is_empty() || line.len() as u64 > LONGEST {
            return Ok(()); // the end of file, or too long
        }
        let text = String::from_utf8(line).map_err(io::Error::other)?;
        let reversed: String = text.trim_end_matches('\n').chars().rev().collect();
        (&stream).write_all((reversed + end).as_bytes())?;
    }
}
