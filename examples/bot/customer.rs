//! The customer: the other end, over TCP and over UDP.

use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};

use super::dialogue::PROMPT;
use crate::support::{Args, PATIENCE, actor, any_of, ask, say, within};

/// The longest text that this client reads from a bot, in bytes.
const LONGEST: usize = 64 * 1024;

/// `-- client [--udp] [ANSWERS...]`: without answers, it reads them from the terminal.
pub(crate) fn client(args: &Args) -> io::Result<()> {
    let bot = args.addr();
    match (args.words().is_empty(), args.flag("udp")) {
        (true, false) => over_tcp(bot, || ask(PROMPT)),
        (true, true) => over_udp(bot, || ask(PROMPT)),
        (false, false) => over_tcp(bot, scripted(args.words())),
        (false, true) => over_udp(bot, scripted(args.words())),
    }
}

/// The demonstration: one customer after the other.
pub(crate) fn two_customers(bot: &str) -> io::Result<()> {
    let (answers, addr) = (["no", "banana", "Yes!"], bot.to_owned());
    actor("tcp", move || over_tcp(&addr, scripted(&answers)))?.end()?;
    let (answers, addr) = (["yes", "red", "still red"], bot.to_owned());
    actor("udp", move || over_udp(&addr, scripted(&answers)))?.end()
}

/// Answers that are known before the questions.
pub(crate) fn scripted<T: AsRef<str>>(
    answers: &[T],
) -> impl FnMut() -> io::Result<Option<String>> {
    let mut answers = answers.iter();
    move || {
        let answer = answers.next().map(|answer| answer.as_ref().to_owned());
        Ok(answer.inspect(|answer| say!("{PROMPT}{answer}")))
    }
}

// [customer]
/// A stream has no messages, so what the bot says ends with a prompt, or at end of file.
pub(crate) fn over_tcp(
    bot: &str,
    answers: impl FnMut() -> io::Result<Option<String>>,
) -> io::Result<()> {
    let stream = TcpStream::connect(bot)?; // tries each address of a name
    stream.set_write_timeout(Some(PATIENCE))?;
    let listen = || {
        let (mut text, mut data) = (Vec::new(), [0; 1024]);
        while !text.ends_with(PROMPT.as_bytes()) && text.len() < LONGEST {
            let count = within(PATIENCE, |left| {
                stream.set_read_timeout(left)?;
                (&stream).read(&mut data)
            })?;
            if count == 0 {
                break;
            }
            text.extend_from_slice(&data[..count]);
        }
        Ok(text)
    };
    talk(listen, |answer| (&stream).write_all(format!("{answer}\n").as_bytes()), answers)
}

/// A datagram is a message. The first one opens the dialogue, whatever it says.
pub(crate) fn over_udp(
    bot: &str,
    answers: impl FnMut() -> io::Result<Option<String>>,
) -> io::Result<()> {
    let (socket, greeting) = any_of(bot, |bot| {
        let any_port = if bot.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any_port)?;
        socket.connect(bot)?;
        socket.send(b"hello")?;
        let greeting = receive(&socket)?; // an error if no bot answers
        Ok((socket, greeting))
    })?;
    let mut greeting = Some(greeting);
    let listen = || greeting.take().map_or_else(|| receive(&socket), Ok);
    talk(listen, |answer| socket.send(answer.as_bytes()).map(drop), answers)
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut data = vec![0; 65_535];
    let count = within(PATIENCE, |left| {
        socket.set_read_timeout(left)?;
        socket.recv(&mut data)
    })?;
    data.truncate(count);
    Ok(data)
}
// [/customer]

/// Listens to the bot and answers, in turns, until one of them is done.
fn talk(
    mut listen: impl FnMut() -> io::Result<Vec<u8>>,
    mut tell: impl FnMut(&str) -> io::Result<()>,
    mut answers: impl FnMut() -> io::Result<Option<String>>,
) -> io::Result<()> {
    loop {
        let text = listen()?;
        let text = String::from_utf8_lossy(&text);
        let question = text.strip_suffix(PROMPT);
        say!("{}", question.unwrap_or(&text).trim_end());
        if question.is_none() {
            return Ok(()); // that was its last word
        }
        let Some(answer) = answers()? else { return Ok(()) };
        tell(&answer)?;
    }
}
