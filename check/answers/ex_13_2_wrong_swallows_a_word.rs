//! WRONG: after that line, it gets the rest of its sentence
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
            if is_told {
                thread::sleep(PAUSE);
            } else if stopping.recv_timeout(PAUSE).is_err_and(|error| error.is_disconnected()) {
                is_told = true;
                writeln!(request, "(closing soon)")?;
                continue;
            }
            writeln!(request, "{word}")?;
        }
        line.clear();
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
