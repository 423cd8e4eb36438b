//! A peer for your own programs: it sends what you want, and misbehaves on request.
//!
//! It talks to any server or client of the course, over TCP or UDP. Elsewhere you might
//! use `nc` for that.

use std::env;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

const HELP: &str = r"A peer for your own programs, which misbehaves on request.

cargo run --example peer -- 127.0.0.1:9999 [PIECES..]        a TCP client
cargo run --example peer -- --udp 127.0.0.1:9999 [PIECES..]  each piece is a datagram
cargo run --example peer -- serve 127.0.0.1:9999             sends back what it receives
cargo run --example peer -- serve --udp 127.0.0.1:9999       the same with datagrams

A client sends its pieces one after the other, with short pauses between them. Without any
pieces, it sends the lines that you type. It prints what it receives, and ends when the
server closes, or at Ctrl-C. In a piece, \n \r \t \\ and \x41 (two hexadecimal digits) are
one byte each.

A client:
  --drip MS   send single bytes, one every MS milliseconds
  --split N   pause after the first N bytes of the first piece
  --flood N   after the pieces, send N bytes without a pause: the last piece again and
              again, or x if there are no pieces
  --no-read   never read
  --end       after all that, close the write half (the server reads end of file)
  --reset     after all that, reset the connection
A server:
  --drip MS   send back single bytes, one every MS milliseconds
  --no-read   never read
  --cut N     close after N bytes
  --reset     reset the connection when the first bytes arrive
  --lose N    lose the first N datagrams

cargo run --example peer -- 127.0.0.1:9999                              a silent client
cargo run --example peer -- 127.0.0.1:9999 --drip 500 'Hello\n'         a slow one
cargo run --example peer -- 127.0.0.1:9999 --flood 100000000 --no-read  one that never reads
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
    split: usize,
    lose: u64,
    cut: Option<u64>,
    addr: String,
    pieces: Vec<Vec<u8>>,
}

fn main() -> ExitCode {
    let words: Vec<String> =
        env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    if words.is_empty() || words.iter().any(|word| word == "--help" || word == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let wish = match Wish::parse(words.into_iter()) {
        Ok(wish) => wish,
        Err(why) => {
            eprintln!("{why}\nSee what it can do: cargo run --example peer -- --help");
            return ExitCode::from(2);
        }
    };
    let addr = wish.addr.clone();
    let run = match (wish.serve, wish.udp) {
        (false, false) => tcp_client,
        (false, true) => udp_client,
        (true, false) => tcp_server,
        (true, true) => udp_server,
    };
    match run(wish) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{addr}: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Wish {
    /// Reads the command line.
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wish = Self::default();
        while let Some(word) = words.next() {
            let mut number = || {
                let text =
                    words.next().ok_or(format!("{word} needs a number after it."))?;
                text.parse().map_err(|_| format!("{word} needs a number, not `{text}`."))
            };
            match word.as_str() {
                "--udp" => wish.udp = true,
                "--no-read" => wish.stalled = true,
                "--end" => wish.end = true,
                "--reset" => wish.reset = true,
                "--drip" => wish.drip = Some(number()?),
                "--flood" => wish.flood = number()?,
                "--split" => wish.split = number()? as usize,
                "--lose" => wish.lose = number()?,
                "--cut" => wish.cut = Some(number()?),
                "serve" if wish.addr.is_empty() => wish.serve = true,
                _ if word.starts_with("--") => {
                    return Err(format!("There is no `{word}`."));
                }
                _ if wish.addr.is_empty() => wish.addr = word,
                _ => wish.pieces.push(unescaped(&word)?),
            }
        }
        if wish.addr.is_empty() {
            return Err("It needs an address, such as 127.0.0.1:9999.".to_owned());
        }
        Ok(wish)
    }

    /// Whether the client sends only what the user types.
    fn types(&self) -> bool {
        self.pieces.is_empty() && self.flood == 0
    }
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
        Err(error) => eprintln!("(not all was sent: {error})"),
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
        eprintln!("(sent; this client stays, but doesn't read. Ctrl-C ends it)");
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
        let place = if index == 0 { wish.split.min(piece.len()) } else { 0 };
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
                eprintln!("(end of file)");
                return Ok(());
            }
            Ok(count) => print(&data[..count])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn udp_client(wish: Wish) -> io::Result<()> {
    let any = if wish.addr.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.connect(&wish.addr)?;
    let sender = socket.try_clone()?;
    thread::spawn(move || {
        let send = |data: &[u8]| {
            if let Err(error) = sender.send(data) {
                eprintln!("(not sent: {error})");
            }
            thread::sleep(MOMENT);
        };
        wish.pieces.iter().for_each(|piece| send(piece));
        if wish.types() {
            io::stdin()
                .lock()
                .lines()
                .map_while(Result::ok)
                .for_each(|line| send(line.as_bytes()));
        }
    });
    let mut data = [0; 65_535];
    loop {
        match socket.recv(&mut data) {
            Ok(count) => print(&[&data[..count], b"\n"].concat())?,
            Err(error) => eprintln!("({error})"),
        }
    }
}

// ---- A server ---------------------------------------------------------------------------

fn tcp_server(wish: Wish) -> io::Result<()> {
    let listener = TcpListener::bind(&wish.addr)?;
    println!("listening on {} (Ctrl-C stops it)", listener.local_addr()?);
    let wish = Arc::new(wish);
    loop {
        let (stream, address) = match listener.accept() {
            Ok(client) => client,
            Err(error) => {
                eprintln!("({error})");
                thread::sleep(MOMENT);
                continue;
            }
        };
        println!("{address} connected");
        let wish = Arc::clone(&wish);
        thread::spawn(move || match answer(stream, &wish) {
            Ok(count) => println!("{address}: received {count} bytes"),
            Err(error) => println!("{address}: {error}"),
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
    println!("listening on {} (Ctrl-C stops it)", socket.local_addr()?);
    let mut data = [0; 65_535];
    let mut left = wish.lose;
    loop {
        let (count, client) = match socket.recv_from(&mut data) {
            Ok(datagram) => datagram,
            Err(error) => {
                eprintln!("({error})"); // a client didn't wait for its reply
                continue;
            }
        };
        let is_lost = left > 0;
        left = left.saturating_sub(1);
        println!("{client} sent {count} bytes{}", if is_lost { ", lost" } else { "" });
        if !is_lost {
            if let Err(error) = socket.send_to(&data[..count], client) {
                eprintln!("({error})");
            }
        }
    }
}

// ---- The screen -------------------------------------------------------------------------

/// Prints bytes as text. Whatever could move the cursor, or isn't text, appears as
/// `\x..`.
fn print(bytes: &[u8]) -> io::Result<()> {
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
    let mut screen = io::stdout().lock();
    screen.write_all(text.as_bytes()).and_then(|()| screen.flush())
}
