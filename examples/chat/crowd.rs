//! The demonstration: bob listens, ada talks a lot, and a third guest never reads.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};
use socketserver::ThreadedServer;

use crate::support::{actor, say};

/// How many lines ada says: more than the buffers of a connection hold.
const LINES: usize = 600;

/// How long a guest waits for the room.
const PATIENCE: Duration = Duration::from_secs(2);

/// Lets them meet in a room.
pub(crate) fn meet(server: ThreadedServer) -> io::Result<()> {
    let server = server.spawn()?;
    let addr = server.local_addr();
    let stalled = arrive(addr, soon_full)?;
    let (bob, ada) = (arrive(addr, |_| Ok(()))?, arrive(addr, |_| Ok(()))?);
    let bob = actor("bob", move || listen(bob))?;
    let ada = actor("ada", move || talk(ada))?;
    bob.end()?;
    ada.end()?;
    server.handle().shutdown_now();
    drop(stalled);
    Ok(())
}

/// Gives a socket small buffers before it connects, so that they are soon full.
fn soon_full(socket: &Socket) -> io::Result<()> {
    #[cfg(unix)]
    socket.set_tcp_mss(1000)?; // small packets, and so a small buffer at the other end
    socket.set_recv_buffer_size(4096)
}

/// Connects, and waits for the room's first line: then the guest is in the room.
fn arrive(
    addr: SocketAddr,
    prepare: impl Fn(&Socket) -> io::Result<()>,
) -> io::Result<BufReader<TcpStream>> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    prepare(&socket)?;
    socket.connect(&addr.into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut String::new())?;
    Ok(stream)
}

/// Counts the guests' lines, and shows the lines of the room itself.
fn listen(room: BufReader<TcpStream>) -> io::Result<()> {
    let mut heard = 0;
    for line in room.lines() {
        match line {
            Ok(line) if line.starts_with("-- ") => say!("{line}"),
            Ok(_) => heard += 1,
            Err(_) => {
                say!("I heard {heard} of {LINES} lines, then nothing for {PATIENCE:?}");
                return Ok(());
            }
        }
        if heard == LINES {
            break;
        }
    }
    say!("I heard {heard} of {LINES} lines");
    Ok(())
}

/// Says all the lines, as fast as the room takes them, and leaves.
fn talk(mut room: BufReader<TcpStream>) -> io::Result<()> {
    let text = "bla ".repeat(900);
    let mut say_all = || {
        (0..LINES).try_for_each(|number| writeln!(room.get_mut(), "{number} {text}"))?;
        writeln!(room.get_mut(), "/quit")?;
        io::copy(&mut room, &mut io::sink()) // up to the room's goodbye
    };
    match say_all() {
        Ok(_) => say!("I said {LINES} lines, and the room said goodbye"),
        Err(_) => say!("the room doesn't answer me"),
    }
    Ok(())
}
