//! WRONG: a client in the middle of a sentence gets the line `(closing soon)`
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use socketserver::{TcpRequest, ThreadedServer};

const PAUSE: Duration = Duration::from_millis(100);

fn slowly(request: &mut TcpRequest) -> io::Result<()> {
    let stopping = request.server().stopping().clone();
    let mut is_told = false;
    let mut line = String::new();
    while request.read_line(&mut line)? > 0 {
        for word in line.split_whitespace() {
            thread::sleep(PAUSE);
            writeln!(request, "{word}")?;
        }
        line.clear();
        is_told = is_told || stopping.try_recv().is_err_and(|error| error.is_empty());
    }
    Ok(())
}

pub(crate) fn main() -> io::Result<()> {
    let deadline = Duration::from_millis(crate::number("deadline", 1000) as u64);
    let builder = ThreadedServer::builder().drain_timeout(deadline);
    let server = builder.tcp(&crate::addr()[..], slowly)?;
    server.handle().shutdown_on_ctrl_c()?;
    println!("listening on {}", server.local_addr());
    server.serve_forever()
}
