//! WRONG: for `bytes=6-9`, the server sends four bytes
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const PAGE: &str = "This is the first page. It is long enough to be asked for in parts.\n";

/// What a `Range` header asks for.
enum Part {
    All,
    Bytes(usize, usize),
    Nothing,
}

pub(crate) fn main() -> io::Result<()> {
    crate::serve(attend)
}

fn attend(mut stream: TcpStream) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?.take(10_000)).lines();
    let request = lines.next().unwrap_or(Ok(String::new()))?;
    let head: Vec<String> = lines.map_while(Result::ok).take_while(|it| !it.is_empty()).collect();
    let ranges: Vec<&str> = head.iter().filter_map(|it| it.strip_prefix("Range: ")).collect();
    let n = PAGE.len();
    let part = match &ranges[..] {
        [one] if request.starts_with("GET / ") => part(one, n).unwrap_or(Part::All),
        _ => Part::All,
    };
    let (status, range, body) = match part {
        _ if !request.contains(" / ") => ("404 Not Found", String::new(), "no such page"),
        Part::All => ("200 OK", String::new(), PAGE),
        Part::Bytes(first, last) => {
            let range = format!("Content-Range: bytes {first}-{last}/{n}\r\n");
            ("206 Partial Content", range, &PAGE[first..last])
        }
        Part::Nothing => {
            ("416 Range Not Satisfiable", format!("Content-Range: bytes */{n}\r\n"), "")
        }
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\n{range}Content-Length: {length}\r\n\r\n")?;
    if !request.starts_with("HEAD") {
        stream.write_all(body.as_bytes())?;
    }
    Ok(())
}

/// What a range means for a page of `n` bytes; `None` if it is not understood.
fn part(range: &str, n: usize) -> Option<Part> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let count = number(last)?.min(n);
        return Some(if count == 0 { Part::Nothing } else { Part::Bytes(n - count, n - 1) });
    }
    let first = number(first)?;
    let last = if last.is_empty() { n - 1 } else { number(last)? };
    match () {
        () if first >= n => Some(Part::Nothing),
        () if first > last => None,
        () => Some(Part::Bytes(first, last.min(n - 1))),
    }
}

fn number(text: &str) -> Option<usize> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
