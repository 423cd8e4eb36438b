//! A peer for your own programs: it sends what you want, and misbehaves on request.
//!
//! It talks to any server or client of the course, over TCP or UDP. Elsewhere you might
//! use `nc` for that.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use address::checked_address;
use socket2::SockRef;

#[path = "support/address.rs"]
#[allow(dead_code, reason = "the lessons use the rest")]
mod address;

const HELP: &str = r"A peer for your own programs, which misbehaves on request.

cargo run --example peer -- 127.0.0.1:9999 [PIECES..]        a TCP client
cargo run --example peer -- --udp 127.0.0.1:9999 [PIECES..]  a UDP client
cargo run --example peer -- serve 127.0.0.1:9999             a TCP echo server
cargo run --example peer -- serve --udp 127.0.0.1:9999       a UDP echo server

A client sends its pieces one after the other, with short pauses between them.
Without any pieces, it sends the lines that you type. By UDP, each piece or line
is a datagram. It prints what it receives, and ends when the server closes, or
at Ctrl-C. In a piece, \n \r \t \\ and \x41 (two hexadecimal digits) are one
byte each. Put -- before a piece that begins with a -.

A TCP client:
  --drip MS   send single bytes, one every MS milliseconds
  --split N   pause after the first N bytes of the first piece
  --flood N   after the pieces, send N bytes without a pause: the last piece
              again and again, or x if there are no pieces
  --no-read   never read
  --end       after all that, close the write half (the server sees the end)
  --reset     after all that, reset the connection
A TCP server:
  --drip MS   send back single bytes, one every MS milliseconds
  --no-read   never read
  --cut N     close after N bytes
  --reset     reset the connection when the first bytes arrive
A UDP server:
  --lose N    lose the first N datagrams

A silent client, a slow one, and one that never reads:
cargo run --example peer -- 127.0.0.1:9999
cargo run --example peer -- 127.0.0.1:9999 --drip 500 'Hello\n'
cargo run --example peer -- 127.0.0.1:9999 --flood 100000000 --no-read
";

/// The pause between two pieces, so that each is likely to arrive in a separate read.
const MOMENT: Duration = Duration::from_millis(100);

/// What the command line asks for.
#[derive(Default)]
struct Wish {
    serve: bool,
    udp: bool,
    stalled: bool,
    end: bool,
    reset: bool,
    drip: Option<u64>,
    flood: u64,
    split: Option<u64>,
    lose: u64,
    cut: Option<u64>,
    addr: String,
    pieces: Vec<Vec<u8>>,
}

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    if words.is_empty() || words.iter().any(|word| word == "--help" || word == "-h") {
        show(HELP.as_bytes());
        return ExitCode::SUCCESS;
    }
    let wish = match Wish::parse(words) {
        Ok(wish) => wish,
        Err(why) => {
            tell(&format!(
                "{why}\nSee what it can do: cargo run --example peer -- --help"
            ));
            return ExitCode::from(2);
        }
    };
    let (addr, serve) = (wish.addr.clone(), wish.serve);
    let run = match (wish.serve, wish.udp) {
        (false, false) => tcp_client,
        (false, true) => udp_client,
        (true, false) => tcp_server,
        (true, true) => udp_server,
    };
    match run(wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let (text, status) = in_words(&error, &addr, serve);
            tell(&text);
            ExitCode::from(status)
        }
    }
}

/// What an error means, and the exit status: 2 if the command line should be another one.
fn in_words(error: &io::Error, addr: &str, serve: bool) -> (String, u8) {
    let text = match error.kind() {
        ErrorKind::ConnectionRefused => {
            format!("Nobody listens on {addr}.\nStart the server first.")
        }
        ErrorKind::AddrInUse => format!(
            "Another program already listens on {addr}.\nStop that one, or use any free \
             port, as in 127.0.0.1:0."
        ),
        ErrorKind::AddrNotAvailable => format!(
            "{addr} is not an address of this machine.\nUse 127.0.0.1 for clients on this \
             machine only, or 0.0.0.0 for clients everywhere."
        ),
        ErrorKind::PermissionDenied if serve => format!(
            "This system doesn't let you listen on {addr}.\nUse any free port, as in \
             127.0.0.1:0."
        ),
        _ if addr.to_socket_addrs().is_err() => format!(
            "No host called `{}` can be found.\nCheck the spelling, or write the address \
             in numbers, as in 127.0.0.1:9999.",
            addr.rsplit_once(':').map_or(addr, |(host, _)| host)
        ),
        _ => return (format!("{addr}: {error}"), 1),
    };
    (text, 2)
}

impl Wish {
    /// Reads the command line.
    fn parse(words: Vec<OsString>) -> Result<Self, String> {
        let mut wish = Self::default();
        let mut given: Vec<String> = Vec::new();
        let mut only_pieces = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = readable(word)?;
            if only_pieces || !word.starts_with('-') || word == "-" {
                match word.as_str() {
                    "serve" if wish.addr.is_empty() && !wish.serve => wish.serve = true,
                    "serve" if !only_pieces => {
                        return Err("`serve` goes before the address.".to_owned());
                    }
                    _ if wish.addr.is_empty() => {
                        wish.addr = checked_address(word, wish.serve)?;
                    }
                    _ => wish.pieces.push(unescaped(&word)?),
                }
                continue;
            }
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (word.as_str(), None),
            };
            if given.iter().any(|it| it == name) {
                return Err(format!("{name} is there twice. Give it once."));
            }
            given.push(name.to_owned());
            let takes_none = ["--", "--udp", "--no-read", "--end", "--reset"];
            if attached.is_some() && takes_none.contains(&name) {
                return Err(format!("{name} takes no value."));
            }
            let mut number = || number(name, attached.clone(), &mut words);
            match name {
                "--" => only_pieces = true,
                "--udp" => wish.udp = true,
                "--no-read" => wish.stalled = true,
                "--end" => wish.end = true,
                "--reset" => wish.reset = true,
                "--drip" => wish.drip = Some(number()?),
                "--flood" => wish.flood = number()?,
                "--split" => wish.split = Some(number()?),
                "--lose" => wish.lose = number()?,
                "--cut" => wish.cut = Some(number()?),
                _ => {
                    return Err(format!(
                        "There is no `{name}`. Put `--` before a piece that begins with `-`."
                    ));
                }
            }
        }
        wish.check(&given)?;
        Ok(wish)
    }

    /// Rejects what this way of running it would ignore.
    fn check(&self, given: &[String]) -> Result<(), String> {
        if self.addr.is_empty() {
            return Err("It needs an address, such as 127.0.0.1:9999.".to_owned());
        }
        let (who, options): (&str, &[&str]) = match (self.serve, self.udp) {
            (false, false) => (
                "TCP client",
                &["--drip", "--split", "--flood", "--no-read", "--end", "--reset"],
            ),
            (false, true) => ("UDP client", &[]),
            (true, false) => {
                ("TCP server", &["--drip", "--no-read", "--cut", "--reset"])
            }
            (true, true) => ("UDP server", &["--lose"]),
        };
        let known = |name: &&String| {
            *name == "--" || *name == "--udp" || options.contains(&name.as_str())
        };
        if let Some(name) = given.iter().find(|name| !known(name)) {
            return Err(format!("{name} does nothing for a {who}: leave it out."));
        }
        if self.serve && !self.pieces.is_empty() {
            return Err("A server has no pieces to send: leave them out.".to_owned());
        }
        if self.serve && self.stalled && given.len() > 1 {
            return Err("A server with --no-read does nothing else: leave the other \
                        options out."
                .to_owned());
        }
        let first = self.pieces.first().map_or(0, Vec::len) as u64;
        if self.split.is_some_and(|place| place == 0 || place >= first) {
            return Err(format!(
                "--split goes into the first piece, after one byte at least, and that piece \
                 has {first} bytes."
            ));
        }
        if self.flood > 0 && self.pieces.last().is_some_and(Vec::is_empty) {
            return Err("--flood repeats the last piece, and that is empty.".to_owned());
        }
        Ok(())
    }

    /// Whether the client sends only what the user types.
    fn types(&self) -> bool {
        self.pieces.is_empty() && self.flood == 0
    }
}

/// A word of the command line as text.
fn readable(word: OsString) -> Result<String, String> {
    word.into_string().map_err(|word| {
        format!(
            "`{}` is not UTF-8. Write such a byte as \\xff, for example.",
            word.to_string_lossy()
        )
    })
}

/// The number of the option `name`: attached to it with `=`, or the next word.
fn number(
    name: &str,
    attached: Option<String>,
    words: &mut impl Iterator<Item = OsString>,
) -> Result<u64, String> {
    let mut next = || words.next().ok_or(format!("{name} needs a number after it."));
    let text = attached.map_or_else(|| next().and_then(readable), Ok)?;
    text.parse().map_err(|_| match text.bytes().all(|it| it.is_ascii_digit()) {
        true if !text.is_empty() => format!("{name} can be {} at most.", u64::MAX),
        _ => format!("{name} needs a whole number, not `{text}`."),
    })
}

/// A piece's bytes: `\n` and the like mean one byte each.
fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            bytes.extend(letter.to_string().bytes());
            continue;
        }
        bytes.push(match letters.next() {
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('t') => b'\t',
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = letters.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).map_err(|_| {
                    format!("`\\x{digits}` is not a byte: write \\x0a, for example.")
                })?
            }
            _ => {
                return Err(r"After a backslash comes n, r, t, x or another backslash."
                    .to_owned());
            }
        });
    }
    Ok(bytes)
}

// ---- A client ---------------------------------------------------------------------------

fn tcp_client(wish: Wish) -> io::Result<()> {
    let mut stream = TcpStream::connect(&wish.addr)?;
    stream.set_nodelay(true)?; // each piece goes out at once
    let writer = stream.try_clone()?;
    let Wish { stalled, reset, .. } = wish;
    let sender = thread::spawn(move || match send_all(&writer, &wish) {
        Err(error) => tell(&format!("(not all was sent: {error})")),
        Ok(()) if wish.end || wish.types() => drop(writer.shutdown(Shutdown::Write)),
        Ok(()) => {}
    });
    if reset {
        let _ = sender.join();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?; // from now on, dropping it resets
        return Ok(());
    }
    if stalled {
        let _ = sender.join();
        tell("(sent; this client stays, but doesn't read. Ctrl-C ends it)");
        loop {
            thread::park();
        }
    }
    print_all(&mut stream) // when the server closes, we don't wait for the sender
}

/// Sends what the command line asks for.
fn send_all(stream: &TcpStream, wish: &Wish) -> io::Result<()> {
    if wish.types() {
        return io::stdin().lock().split(b'\n').try_for_each(|line| {
            send(stream, &[&line?[..], b"\n"].concat(), wish.drip)
        });
    }
    for (index, piece) in wish.pieces.iter().enumerate() {
        let split = wish.split.filter(|_| index == 0).unwrap_or(0);
        let place = usize::try_from(split).unwrap_or(0); // `check` has seen that it fits
        for part in [&piece[..place], &piece[place..]] {
            if !part.is_empty() {
                send(stream, part, wish.drip)?;
                thread::sleep(MOMENT);
            }
        }
    }
    flood(stream, wish.pieces.last().map_or(b"x", Vec::as_slice), wish.flood)
}

/// Sends this many bytes, the same piece again and again.
fn flood(mut stream: &TcpStream, piece: &[u8], count: u64) -> io::Result<()> {
    let many = piece.repeat(1 + 64 * 1024 / piece.len().max(1));
    let mut left = if piece.is_empty() { 0 } else { count };
    while left > 0 {
        let part = many.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&many[..part])?;
        left -= part as u64;
    }
    Ok(())
}

/// Sends bytes, all at once or one by one.
fn send(mut stream: &TcpStream, bytes: &[u8], drip: Option<u64>) -> io::Result<()> {
    let Some(ms) = drip else { return stream.write_all(bytes) };
    bytes.iter().try_for_each(|byte| {
        stream.write_all(&[*byte])?;
        thread::sleep(Duration::from_millis(ms));
        Ok(())
    })
}

/// Prints what arrives, until end of file.
fn print_all(stream: &mut TcpStream) -> io::Result<()> {
    let mut data = [0; 64 * 1024];
    loop {
        match stream.read(&mut data) {
            Ok(0) => {
                tell("(end of file)");
                return Ok(());
            }
            Ok(count) => print(&data[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn udp_client(wish: Wish) -> io::Result<()> {
    let server = wish.addr.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
    let any = if server.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    let sender = socket.try_clone()?;
    thread::spawn(move || {
        let send = |data: &[u8]| {
            if let Err(error) = sender.send(data) {
                tell(&format!("(not sent: {error})"));
            }
            thread::sleep(MOMENT);
        };
        wish.pieces.iter().for_each(|piece| send(piece));
        if wish.types() {
            io::stdin()
                .lock()
                .split(b'\n')
                .map_while(Result::ok)
                .for_each(|line| send(&line));
        }
    });
    let mut data = [0; 65_535];
    loop {
        match socket.recv(&mut data) {
            Ok(count) => print(&[&data[..count], b"\n"].concat()),
            Err(error) => tell(&format!("({error})")),
        }
    }
}

// ---- A server ---------------------------------------------------------------------------

fn tcp_server(wish: Wish) -> io::Result<()> {
    let listener = TcpListener::bind(&wish.addr)?;
    say(&format!("listening on {} (Ctrl-C stops it)", listener.local_addr()?));
    let wish = Arc::new(wish);
    loop {
        let (stream, address) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                tell(&format!("({error})"));
                thread::sleep(MOMENT);
                continue;
            }
        };
        say(&format!("{address} connected"));
        let wish = Arc::clone(&wish);
        thread::spawn(move || match answer(stream, &wish) {
            Ok(count) => say(&format!("{address}: received {count} bytes")),
            Err(error) => say(&format!("{address}: {error}")),
        });
    }
}

/// Sends back what it receives, and misbehaves as asked. Returns how many bytes it
/// received.
fn answer(mut stream: TcpStream, wish: &Wish) -> io::Result<u64> {
    stream.set_nodelay(true)?;
    let mut data = [0; 16 * 1024];
    let mut left = wish.cut.unwrap_or(u64::MAX);
    let mut total = 0;
    loop {
        if wish.stalled {
            thread::park(); // so the client waits, too
            continue;
        }
        let most = data.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let count = stream.read(&mut data[..most])?;
        total += count as u64;
        left -= count as u64;
        if wish.reset {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?; // the drop resets
            return Ok(total);
        }
        send(&stream, &data[..count], wish.drip)?;
        if count == 0 || left == 0 {
            return Ok(total);
        }
    }
}

fn udp_server(wish: Wish) -> io::Result<()> {
    let socket = UdpSocket::bind(&wish.addr)?;
    say(&format!("listening on {} (Ctrl-C stops it)", socket.local_addr()?));
    let mut data = [0; 65_535];
    let mut left = wish.lose;
    loop {
        let (count, client) = match socket.recv_from(&mut data) {
            Ok(datagram) => datagram,
            Err(error) => {
                tell(&format!("({error})")); // a client didn't wait for its reply
                continue;
            }
        };
        let is_lost = left > 0;
        left = left.saturating_sub(1);
        let lost = if is_lost { ", lost" } else { "" };
        say(&format!("{client} sent {count} bytes{lost}"));
        if !is_lost {
            if let Err(error) = socket.send_to(&data[..count], client) {
                tell(&format!("({error})"));
            }
        }
    }
}

// ---- The screen -------------------------------------------------------------------------

/// Prints bytes as text. Whatever could move the cursor, or isn't text, appears as
/// `\x..`.
fn print(bytes: &[u8]) {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\n' | '\t' => text.push(letter),
                _ if letter.is_control() => text.extend(letter.escape_debug()),
                _ => text.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| text += &format!("\\x{byte:02x}"));
    }
    show(text.as_bytes());
}

/// Prints a line.
fn say(line: &str) {
    show(format!("{line}\n").as_bytes());
}

/// Prints a line to standard error. Nobody can be told if that fails.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints text. If its reader is gone (`| head -1`), so is this program; a full disk is an
/// error.
fn show(text: &[u8]) {
    let mut screen = io::stdout().lock();
    let Err(error) = screen.write_all(text).and_then(|()| screen.flush()) else {
        return;
    };
    if error.kind() != ErrorKind::BrokenPipe {
        tell(&format!("The output cannot be written: {error}."));
        process::exit(1);
    }
    process::exit(0);
}
