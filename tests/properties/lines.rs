//! Finding lines: however the bytes are split into reads, and whatever goes wrong in
//! between, the lines are those that a simple model finds in all the bytes.

use std::io::{self, ErrorKind};

use crate::choices::{Choices, check, same};

#[path = "../../src/request/lines.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod code;

use code::LineBuffer;

/// What one call returns: a line with its end, or the error for a line that's too long.
type Found = Result<Vec<u8>, ErrorKind>;

/// All lines in `bytes`, by the simplest means.
fn model(bytes: &[u8], end: u8, max: usize) -> Vec<Found> {
    bytes
        .split_inclusive(|byte| *byte == end)
        .map(|line| {
            let text = line.strip_suffix(&[end]).unwrap_or(line);
            let text = text.strip_suffix(b"\r").filter(|_| end == b'\n').unwrap_or(text);
            if text.len() > max {
                Err(ErrorKind::InvalidData)
            } else {
                Ok(line.to_vec())
            }
        })
        .collect()
}

/// What one read from the client returns.
#[derive(Debug, Clone, Copy)]
enum Read {
    Bytes(usize),
    Fails(ErrorKind),
}

/// A client: its bytes, and how they arrive. When there are no more reads, the rest
/// arrives at once, and then the end.
#[derive(Debug)]
struct Client {
    bytes: Vec<u8>,
    /// The next one is at the end.
    reads: Vec<Read>,
}

impl Client {
    fn any(choices: &mut Choices<'_, '_>) -> Self {
        let pieces = choices.up_to(40, |choices| match choices.below(16) {
            0 => vec![b'x'; choices.below(10_000)],
            1 => vec![b'\n'; choices.below(4)],
            _ => vec![choices.one_of(b"a\n\rb\0\xff;")],
        });
        let reads = choices.up_to(40, |choices| match choices.below(6) {
            0 => Read::Fails(choices.one_of(&[
                ErrorKind::TimedOut,
                ErrorKind::WouldBlock,
                ErrorKind::Interrupted,
            ])),
            1 => Read::Bytes(1 + choices.below(9000)),
            _ => Read::Bytes(1 + choices.below(4)),
        });
        Self { bytes: pieces.concat(), reads }
    }
}

impl io::Read for Client {
    /// Reads once, as from a socket.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!buffer.is_empty(), "to read nothing would look like the end");
        let wanted = match self.reads.pop() {
            Some(Read::Fails(kind)) => return Err(kind.into()),
            Some(Read::Bytes(count)) => count,
            None => usize::MAX,
        };
        let count = wanted.min(buffer.len()).min(self.bytes.len());
        buffer[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes.drain(..count);
        Ok(count)
    }
}

/// The longest line that is allowed.
fn any_max(choices: &mut Choices<'_, '_>) -> usize {
    let around_a_read = choices.one_of(&[8191, 8192, 8193, 20_000, usize::MAX]);
    let small = 1 + choices.below(20);
    choices.one_of(&[small, small, around_a_read])
}

/// Calls again and again until the end, even after a failed read.
fn find_all(
    buffer: &mut LineBuffer,
    client: &mut Client,
    end: u8,
    max: usize,
) -> Vec<Found> {
    let mut found = Vec::new();
    loop {
        match buffer.find_line(end, max, client) {
            Ok(Some(length)) => found.push(Ok(take(buffer, length))),
            Ok(None) => {
                let rest = take(buffer, buffer.waiting().len());
                if rest.is_empty() {
                    return found;
                }
                found.push(Ok(rest));
            }
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                found.push(Err(error.kind()));
            }
            Err(_) => {} // a read that failed
        }
    }
}

/// Takes the first buffered bytes.
fn take(buffer: &mut LineBuffer, count: usize) -> Vec<u8> {
    let bytes = buffer.waiting()[..count].to_vec();
    buffer.consume(count);
    bytes
}

#[test]
fn any_bytes_in_any_reads_give_the_lines_of_the_model() {
    check(|choices| {
        let max = any_max(choices);
        let end = choices.one_of(b"\n\n\n\0;");
        let mut client = Client::any(choices);
        let expected = model(&client.bytes, end, max);
        let about = format!("lines of at most {max} bytes, ended by {end}: {client:?}");
        let found = find_all(&mut LineBuffer::default(), &mut client, end, max);
        same(&found, &expected, about)
    });
}

/// The end can come from the client, or from a server that stops. After it, every call
/// finds nothing more.
#[test]
fn after_the_end_comes_the_end() {
    check(|choices| {
        let max = any_max(choices);
        let mut client = Client::any(choices);
        let mut buffer = LineBuffer::default();
        find_all(&mut buffer, &mut client, b'\n', max);
        let more = [(); 3].map(|()| find_all(&mut buffer, &mut client, b'\n', max));
        same(&more.concat(), &Vec::new(), format!("{max}"))
    });
}

/// Never more than the longest line and one read, whatever arrives.
#[test]
fn memory_is_bounded() {
    check(|choices| {
        let max = any_max(choices).min(20_000);
        let mut client = Client::any(choices);
        let longest_line =
            client.bytes.split(|byte| *byte == b'\n').map(<[u8]>::len).max();
        let needed = longest_line.unwrap_or(0).min(max + 1); // and the `\r` of its end
        let mut buffer = LineBuffer::default();
        find_all(&mut buffer, &mut client, b'\n', max);
        let size = size_of(&buffer);
        same(&(size <= needed + 8 * 1024), &true, format!("{size} bytes for {needed}"))
    });
}

/// The size of its memory. It is private, but its debugging output shows it.
fn size_of(buffer: &LineBuffer) -> usize {
    let shown = format!("{buffer:?}");
    let (_, bytes) = shown.split_once('[').expect("it shows its bytes");
    let (bytes, _) = bytes.split_once(']').expect("it shows its bytes");
    if bytes.is_empty() { 0 } else { bytes.split(',').count() }
}

/// A handler can mix lines of any kind with plain reads. No byte is lost, and no byte
/// comes twice.
#[test]
fn lines_and_plain_reads_can_be_mixed() {
    check(|choices| {
        let calls = choices.up_to(30, |choices| (choices.below(3), choices.below(50)));
        let mut client = Client::any(choices);
        let expected = client.bytes.clone();
        let mut buffer = LineBuffer::default();
        let mut all = Vec::new();
        for (call, count) in calls {
            match call {
                0 => {
                    let end = b"\n;\0"[count % 3];
                    if let Ok(Some(count)) =
                        buffer.find_line(end, usize::MAX, &mut client)
                    {
                        all.extend(take(&mut buffer, count));
                    }
                }
                1 => {
                    let _ = buffer.fill(&mut client);
                }
                _ => {
                    let count = count.min(buffer.waiting().len());
                    all.extend(take(&mut buffer, count));
                }
            }
        }
        for line in find_all(&mut buffer, &mut client, b'\n', usize::MAX) {
            all.extend(line.expect("no line is too long"));
        }
        same(&all, &expected, "plain reads and lines")
    });
}

/// After a line that was too long, whatever is called next begins after it.
#[test]
fn after_a_line_that_is_too_long_every_call_goes_on_behind_it() {
    check(|choices| {
        let (long, good) = (20 + choices.below(10_000), choices.below(20));
        let mut client = Client::any(choices);
        client.bytes =
            [&vec![b'x'; long][..], b";", &vec![b'g'; good], b"\nrest"].concat();
        let mut buffer = LineBuffer::default();
        let is_too_long = |error: &io::Error| error.kind() == ErrorKind::InvalidData;
        while !buffer
            .find_line(b';', 19, &mut client)
            .is_err_and(|error| is_too_long(&error))
        {}
        let other_call = choices.below(2) == 0;
        let mut next = Vec::new();
        while next.len() <= good {
            if other_call {
                let count = buffer.fill(&mut client).map_or(0, <[u8]>::len);
                next.extend(take(&mut buffer, count));
            } else if let Ok(Some(count)) = buffer.find_line(b'\n', 19, &mut client) {
                next.extend(take(&mut buffer, count));
            }
        }
        next.truncate(good + 1);
        let expected = [&vec![b'g'; good][..], b"\n"].concat();
        same(&next, &expected, format!("{long} bytes too many, then {good}"))
    });
}
