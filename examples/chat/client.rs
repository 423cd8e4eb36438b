//! The client, which reads and writes at the same time.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;

use super::screen;
use crate::support::Args;

// [client]
/// Sends what you type to the room, and shows what the room sends.
pub(crate) fn client(args: &Args) -> io::Result<()> {
    let server = Arc::new(TcpStream::connect(args.addr())?);
    let typed = Arc::clone(&server);
    thread::spawn(move || {
        for line in io::stdin().lock().split(b'\n').map_while(Result::ok) {
            (&*typed).write_all(&[line, b"\n".to_vec()].concat())?;
        }
        typed.shutdown(Shutdown::Write) // done sending: now the room says goodbye
    });
    for line in BufReader::new(&*server).split(b'\n') {
        screen::show(&String::from_utf8_lossy(&line?));
    }
    Ok(()) // the room has closed the connection
}
// [/client]
