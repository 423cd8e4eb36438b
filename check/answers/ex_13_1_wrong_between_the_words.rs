//! WRONG: after Ctrl-C, the handler finishes the line that it is sending
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use socketserver::{TcpRequest, ThreadedServer};

fn slowly(request: &mut TcpRequest) -> io::Result<()> {
    let mut line = String::new();
    while request.read_line(&mut line)? > 0 {
        for word in line.split_whitespace() {
            thread::sleep(Duration::from_millis(100));
            if request.server().is_shutting_down() {
                return Ok(());
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
