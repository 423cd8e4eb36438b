//! Finding lines in what comes from a socket, which knows of no lines.

use std::io;

/// Bytes that have been read and not used yet.
///
/// It has no memory until something is read into it, and never more than the longest
/// line and one read need.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    /// Room for bytes; `bytes[used..filled]` are those that wait.
    bytes: Vec<u8>,
    used: usize,
    filled: usize,
    /// A line was too long and has been reported, but its end has not been seen yet.
    in_long_line: bool,
}

/// By how much the buffer grows.
const STEP: usize = 8 * 1024;

impl LineBuffer {
    /// Appends to `line` all bytes up to and including the next `end`, or all that are
    /// left if there is no further `end`. Returns how many.
    ///
    /// What it needs it gets from `read`. It does not matter how the bytes are cut into
    /// reads. The error for a line of more than `max` bytes, without its end, comes
    /// once; the next call returns the next line. When `read` fails, no byte is lost.
    pub(crate) fn read_until(
        &mut self,
        end: u8,
        max: usize,
        line: &mut Vec<u8>,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut searched = 0; // so many of the waiting bytes are not `end`
        loop {
            let waiting = self.waiting();
            let place = waiting[searched..].iter().position(|byte| *byte == end);
            let length = place.map_or(waiting.len(), |place| searched + place);
            if self.in_long_line || length > max {
                self.skip(length, place.is_some(), max)?;
                searched = 0;
            } else if place.is_some() {
                return Ok(self.hand_over(length + 1, line));
            } else {
                searched = length;
            }
            // The part of a line that has come stays in the buffer.
            if place.is_none() && self.read_more(&mut read)? == 0 {
                self.in_long_line = false;
                return Ok(self.hand_over(searched, line));
            }
        }
    }

    /// Reads once and adds what has come to what waits. Returns how many bytes.
    pub(crate) fn read_more(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.bytes.copy_within(self.used..self.filled, 0);
        self.filled -= std::mem::take(&mut self.used);
        if self.filled == self.bytes.len() {
            self.bytes.resize(self.filled + STEP, 0);
        }
        let count = read(&mut self.bytes[self.filled..])?;
        self.filled += count;
        Ok(count)
    }

    /// Marks bytes as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.filled);
    }

    /// The bytes that have not been used yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// Moves the first `count` bytes to `line`.
    fn hand_over(&mut self, count: usize, line: &mut Vec<u8>) -> usize {
        line.extend_from_slice(&self.waiting()[..count]);
        self.consume(count);
        count
    }

    /// Throws away `length` bytes of a line that is too long, and its end if `ends`. An
    /// error when they are the first that we see of this line.
    fn skip(&mut self, length: usize, ends: bool, max: usize) -> io::Result<()> {
        self.consume(length + usize::from(ends));
        if std::mem::replace(&mut self.in_long_line, !ends) {
            return Ok(());
        }
        let message = format!("the client sent a line of over {max} bytes");
        Err(io::Error::new(io::ErrorKind::InvalidData, message))
    }
}
