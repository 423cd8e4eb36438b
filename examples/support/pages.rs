//! What lesson 16's server answers: the pages of a small web server.
//!
//! No socket here either: [`answer`] reads a request and writes the response, whatever it
//! is that it reads from and writes to.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use super::http::read_head;

/// The first page. It names the others.
const WELCOME: &str = "\
Hello from lesson 16.
/bytes/1000000  so many bytes
/chunked        a body in pieces
/until-close    a body without a length
";

/// The most that `/bytes/..` sends.
const MAX_BYTES: u64 = 10_000_000_000;

/// Reads one request and answers it.
///
/// # Errors
///
/// The client breaks off, or cannot be read or written. What is not HTTP is no error
/// here: it gets an answer that says so.
pub(crate) fn answer<C: BufRead + Write>(client: &mut C) -> io::Result<()> {
    let head = match read_head(client) {
        Ok(Some(head)) => head,
        Ok(None) => return Ok(()), // browsers connect ahead of need, and may not ask
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return text(client, "400 Bad Request", &format!("{error}\n"));
        }
        Err(error) => return Err(error),
    };
    let path = match head.request() {
        Ok(("GET", path)) => path,
        Ok(_) => {
            return text(client, "405 Method Not Allowed", "only GET is answered\n");
        }
        Err(error) => return text(client, "400 Bad Request", &format!("{error}\n")),
    };
    if let Some(count) = path.strip_prefix("/bytes/") {
        return match count.parse() {
            Ok(count) if count <= MAX_BYTES => bytes(client, count),
            _ => text(client, "404 Not Found", "not so many bytes\n"),
        };
    }
    match path {
        "/" => text(client, "200 OK", WELCOME),
        "/chunked" => chunked(client, &["one, ", "two, ", "three\n"]),
        "/until-close" => {
            client.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            client.write_all(b"it is over when it is over\n")
        }
        _ => text(client, "404 Not Found", "no such page\n"),
    }
}

/// A short text, with its length.
fn text(out: &mut impl Write, status: &str, text: &str) -> io::Result<()> {
    let allow = if status.starts_with("405") { "Allow: GET\r\n" } else { "" };
    write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: {}\r\n{allow}Connection: close\r\n\r\n{text}",
        text.len()
    )
}

/// Many bytes, with their number.
fn bytes(out: &mut impl Write, count: u64) -> io::Result<()> {
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {count}\r\nConnection: close\r\n\r\n"
    )?;
    let block = [b'x'; 64 * 1024];
    let mut left = count;
    while left > 0 {
        let part = left.min(block.len() as u64);
        out.write_all(&block[..part as usize])?;
        left -= part;
    }
    Ok(())
}

// [chunked]
/// A text in pieces: each with its length before it, and one of no bytes at the end.
fn chunked(out: &mut impl Write, pieces: &[&str]) -> io::Result<()> {
    write!(
        out,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )?;
    for piece in pieces {
        write!(out, "{:x}\r\n{piece}\r\n", piece.len())?;
    }
    out.write_all(b"0\r\n\r\n")
}
// [/chunked]

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::http::{Head, read_body, read_response};
    use super::*;

    /// A client whose request is in memory, and what it was answered.
    struct Client<'a>(Cursor<&'a [u8]>, Vec<u8>);

    impl Read for Client<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl BufRead for Client<'_> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.0.fill_buf()
        }

        fn consume(&mut self, count: usize) {
            self.0.consume(count);
        }
    }

    impl Write for Client<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is answered to these bytes.
    fn asked(request: &[u8]) -> io::Result<(Head, Vec<u8>)> {
        let mut client = Client(Cursor::new(request), Vec::new());
        answer(&mut client)?;
        let mut reader = client.1.as_slice();
        let head = read_response(&mut reader)?;
        let mut body = Vec::new();
        read_body(&mut reader, head.body()?, &mut body)?;
        assert!(reader.is_empty(), "bytes behind the body");
        Ok((head, body))
    }

    #[test]
    fn each_page_is_a_whole_response() -> io::Result<()> {
        for (request, status, beginning) in [
            ("GET / HTTP/1.1\r\n\r\n", 200, "Hello from lesson 16.\n"),
            ("GET /chunked HTTP/1.1\r\n\r\n", 200, "one, two, three\n"),
            ("GET /until-close HTTP/1.0\r\n\r\n", 200, "it is over"),
            ("GET /bytes/100000 HTTP/1.1\r\n\r\n", 200, "xxx"),
            ("GET /bytes/0 HTTP/1.1\r\n\r\n", 200, ""),
            ("GET /bytes/99999999999 HTTP/1.1\r\n\r\n", 404, "not so many"),
            ("GET /favicon.ico HTTP/1.1\r\n\r\n", 404, "no such page"),
            ("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 405, "only GET"),
            ("what is this\r\n\r\n", 400, "this is not a request"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "this is not a header"),
        ] {
            let (head, body) = asked(request.as_bytes())?;
            let body = String::from_utf8_lossy(&body);
            assert_eq!(head.status()?, status, "{request}");
            assert!(body.starts_with(beginning), "{request}: {body}");
        }
        let (_, body) = asked(b"GET /bytes/100000 HTTP/1.1\r\n\r\n")?;
        assert_eq!(body.len(), 100_000);
        Ok(())
    }

    #[test]
    fn who_asks_nothing_is_answered_nothing() -> io::Result<()> {
        let mut client = Client(Cursor::new(b""), Vec::new());
        answer(&mut client)?;
        assert_eq!(client.1, b"");
        let mut client = Client(Cursor::new(b"GET / HT"), Vec::new());
        assert!(answer(&mut client).is_err(), "it broke off");
        Ok(())
    }
}
