//! What the answers to lesson 19's exercises share: a small room for WebSockets, by hand and
//! with the standard library alone. It has no mailboxes, and trusts its clients.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a line of the room is told to a guest.
pub(crate) type Told = fn(&str) -> String;

/// A client that wants a WebSocket, and isn't one yet.
pub(crate) struct Asked {
    /// The headers of its request: names in small letters, and values.
    pub(crate) head: Vec<(String, String)>,
    stream: TcpStream,
}

/// Reads a request. A client that wants the page gets it; then this is `None`.
pub(crate) fn asked(stream: TcpStream) -> io::Result<Option<Asked>> {
    let mut lines = BufReader::with_capacity(1, &stream).lines(); // takes nothing too much
    let Some(first) = lines.next().transpose()? else { return Ok(None) };
    let mut head = Vec::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(':') else { break };
        head.push((name.to_lowercase(), value.trim().to_owned()));
    }
    if first.starts_with("GET /chat ") {
        return Ok(Some(Asked { head, stream }));
    }
    (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage")?;
    stream.shutdown(Shutdown::Write)?;
    Ok(None)
}

impl Asked {
    /// The values of a header.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let is_it = |(it, _): &&(String, String)| it == name;
        self.head.iter().filter(is_it).map(|(_, value)| value.as_str()).collect()
    }

    /// Answers without an upgrade.
    pub(crate) fn refuse(mut self, status: &str) -> io::Result<()> {
        write!(self.stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n")
    }

    /// Becomes a WebSocket. `more` are more headers of the answer.
    pub(crate) fn switch(mut self, more: &str) -> io::Result<TcpStream> {
        let key = self.values("sec-websocket-key").concat();
        let key = accept(&key);
        write!(
            self.stream,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Accept: {key}\r\n{more}\r\n"
        )?;
        Ok(self.stream)
    }
}

/// Everybody in the room.
static ROOM: Mutex<BTreeMap<usize, (String, TcpStream, Told)>> =
    Mutex::new(BTreeMap::new());

fn room() -> MutexGuard<'static, BTreeMap<usize, (String, TcpStream, Told)>> {
    ROOM.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells everybody but one.
pub(crate) fn post(but: usize, line: &str) {
    for (_, stream, told) in
        room().iter().filter(|(it, _)| **it != but).map(|(_, it)| it)
    {
        let _ = frame(stream, 0x81, told(line).as_bytes());
    }
}

/// A guest's visit, from the greeting to the end.
pub(crate) fn visit(stream: TcpStream, told: Told) -> io::Result<()> {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    let number = LAST.fetch_add(1, Ordering::SeqCst) + 1;
    let name = format!("guest-{number}");
    let greeting = told(&format!("-- you are {name}: /nick NAME, /who, /quit"));
    let mut inside = room(); // nobody joins between the next two lines
    frame(&stream, 0x81, greeting.as_bytes())?;
    inside.insert(number, (name.clone(), stream.try_clone()?, told));
    drop(inside);
    post(number, &format!("-- {name} joined"));
    let result = listen(&stream, number);
    let name = room().remove(&number).map_or(name, |(name, ..)| name);
    post(number, &format!("-- {name} left"));
    result
}

fn listen(mut stream: &TcpStream, number: usize) -> io::Result<()> {
    loop {
        let mut head = [0; 2];
        if stream.read(&mut head[..1])? == 0 {
            return Ok(());
        }
        stream.read_exact(&mut head[1..])?;
        let mut length = usize::from(head[1] & 0x7f);
        if length == 126 {
            let mut long = [0; 2];
            stream.read_exact(&mut long)?;
            length = u16::from_be_bytes(long).into();
        }
        if length > 4000 {
            return close(stream, 1009);
        }
        let mut mask = [0; 4];
        stream.read_exact(&mut mask)?;
        let mut data = vec![0; length];
        stream.read_exact(&mut data)?;
        data.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
        if head[0] == 0x88 {
            return close(stream, 1000);
        }
        let line = String::from_utf8_lossy(&data).into_owned();
        let name =
            room().get(&number).map(|(name, ..)| name.clone()).unwrap_or_default();
        if line == "/quit" {
            return close(stream, 1000);
        } else if let Some(new) = line.strip_prefix("/nick ") {
            if let Some((name, ..)) = room().get_mut(&number) {
                *name = new.to_owned();
            }
            post(0, &format!("-- {name} is now {new}"));
        } else {
            post(number, &format!("{name}: {line}"));
        }
    }
}

/// Sends a close frame.
pub(crate) fn close(stream: &TcpStream, code: u16) -> io::Result<()> {
    frame(stream, 0x88, &code.to_be_bytes())
}

fn frame(mut stream: &TcpStream, first: u8, data: &[u8]) -> io::Result<()> {
    let mut bytes = vec![first];
    match data.len() {
        short @ 0..126 => bytes.push(short as u8),
        long => {
            bytes.push(126);
            bytes.extend((long as u16).to_be_bytes());
        }
    }
    bytes.extend(data);
    stream.write_all(&bytes)
}

/// What the client has to see of its key: SHA-1 of it and of a well-known text, in base64.
fn accept(key: &str) -> String {
    let mut data = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").into_bytes();
    let bits = 8 * data.len() as u64;
    data.push(0x80);
    while data.len() % 64 != 56 {
        data.push(0);
    }
    data.extend(bits.to_be_bytes());

    let mut hash = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in data.chunks(64) {
        let mut words: Vec<u32> = block
            .chunks(4)
            .map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
            .collect();
        for t in 16..80 {
            let word = words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16];
            words.push(word.rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (t, word) in words.iter().enumerate() {
            let (f, k) = match t {
                0..20 => (b & c | !b & d, 0x5a82_7999),
                20..40 => (b ^ c ^ d, 0x6ed9_eba1),
                40..60 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let sum = [a.rotate_left(5), f, e, k, *word]
                .iter()
                .fold(0, |sum: u32, it| sum.wrapping_add(*it));
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, sum);
        }
        for (it, more) in hash.iter_mut().zip([a, b, c, d, e]) {
            *it = it.wrapping_add(more);
        }
    }

    let bytes: Vec<u8> = hash.iter().flat_map(|word| word.to_be_bytes()).collect();
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))
            << (8 * (3 - three.len()));
        let sign = |place: usize| char::from(letters[bits >> (6 * place) & 63]);
        text.extend((0..=three.len()).map(|at| sign(3 - at)));
        text.extend((three.len()..3).map(|_| '='));
    }
    text
}
