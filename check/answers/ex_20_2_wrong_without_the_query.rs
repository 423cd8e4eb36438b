//! WRONG: a GET is sent to the same path at the encrypted server
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use socketserver::{RequestHandler, TcpRequest, ThreadedServer};

#[derive(Clone)]
struct Redirect {
    port: u16, // of the encrypted server
}

impl RequestHandler for Redirect {
    fn handle(&mut self, request: &mut TcpRequest) -> io::Result<()> {
        request.set_deadline(Duration::from_secs(5)); // the whole head, however slowly it comes
        let first = request.next_line();
        while let Some(line) = request.next_line()? {
            if line.is_empty() {
                break;
            }
        }
        let answer = match first.ok().flatten().as_deref().and_then(path) {
            Some(path) => format!(
                "301 Moved Permanently\r\nLocation: https://localhost:{}{path}",
                self.port
            ),
            None => "400 Bad Request".to_owned(),
        };
        write!(
            request,
            "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
    }
}

/// The path that a request asks for, if it is a good one.
fn path(line: &str) -> Option<&str> {
    let words: Vec<&str> = line.split(' ').collect();
    let ["GET" | "HEAD", path, "HTTP/1.0" | "HTTP/1.1"] = words[..] else { return None };
    let is_good = path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    is_good.then(|| path.split('?').next().unwrap_or(path))
}

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let redirect = Redirect { port: listener.local_addr()?.port() };
    let builder = ThreadedServer::builder().max_line(4096);
    let plain = builder.tcp(&crate::option("redirect").unwrap_or_default()[..], redirect)?.spawn()?;
    println!("redirecting on {}", plain.local_addr());
    attend(&listener)
}

/// All that is seen of TLS from outside: what doesn't begin like it gets an alert.
fn attend(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept()?;
        thread::spawn(move || crate::report(alert(stream)));
    }
}

fn alert(mut stream: TcpStream) -> io::Result<()> {
    let mut data = [0; 1024];
    if stream.read(&mut data)? > 0 && data[0] != 22 {
        stream.write_all(&[21, 3, 3, 0, 2, 2, 10])?;
    }
    Ok(())
}
