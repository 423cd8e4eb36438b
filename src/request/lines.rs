//! Finding lines in the bytes of a socket, which has no lines.

use std::io::{self, Read};

use crate::error::LineError;

/// Bytes that have been read but not used yet.
///
/// It allocates no memory until something is read into it, and never more than the longest
/// line and one read need.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    /// Space for bytes; `bytes[used..filled]` wait to be used.
    bytes: Vec<u8>,
    used: usize,
    filled: usize,
    /// The end of a line that was too long. The error has been returned, but the end hasn't
    /// come yet: everything before it is discarded.
    skipping_to: Option<u8>,
}

/// By how much the buffer grows.
const STEP: usize = 8 * 1024;

impl LineBuffer {
    /// Finds the next line, which ends with `end`. Returns its length, including the end;
    /// the line is the first part of the bytes that [wait](Self::waiting). `None` if
    /// `source` is at its end: then the bytes that wait are an unfinished line.
    ///
    /// It doesn't matter how the bytes are split into reads. If a line has more than `max`
    /// bytes, not counting its end, there is one error; the next call of any method begins
    /// after that line. If `source` fails, no byte is lost.
    pub(crate) fn find_line(
        &mut self,
        end: u8,
        max: usize,
        source: &mut impl Read,
    ) -> io::Result<Option<usize>> {
        self.skip(source)?;
        let mut searched = 0; // this many bytes have been searched
        loop {
            let waiting = self.waiting();
            let place = waiting[searched..].iter().position(|byte| *byte == end);
            let line = &waiting[..place.map_or(waiting.len(), |place| searched + place)];
            if length_without_return(line, end) > max {
                // Discard its bytes as they come, or a client could fill our memory.
                self.consume(line.len());
                self.skipping_to = Some(end);
                return Err(LineError::TooLong { limit: max }.into());
            }
            if place.is_some() {
                return Ok(Some(line.len() + 1));
            }
            searched = line.len();
            if self.read_more(source)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Returns the bytes that wait. If there are none, reads once before; none after that
    /// means end of file.
    pub(crate) fn fill(&mut self, source: &mut impl Read) -> io::Result<&[u8]> {
        self.skip(source)?;
        if self.waiting().is_empty() {
            self.read_more(source)?;
        }
        Ok(self.waiting())
    }

    /// Marks bytes as used.
    pub(crate) fn consume(&mut self, count: usize) {
        self.used = (self.used + count).min(self.filled);
    }

    /// The bytes that haven't been used yet.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.bytes[self.used..self.filled]
    }

    /// Whether the next byte must be read from the source.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().is_empty() && self.skipping_to.is_none()
    }

    /// Discards the rest of a line that was too long.
    fn skip(&mut self, source: &mut impl Read) -> io::Result<()> {
        while let Some(end) = self.skipping_to {
            let waiting = self.waiting();
            match waiting.iter().position(|byte| *byte == end) {
                Some(place) => {
                    self.consume(place + 1);
                    self.skipping_to = None;
                }
                None => {
                    self.consume(waiting.len());
                    if self.read_more(source)? == 0 {
                        return Ok(()); // end of file, and the next read will find it again
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads once, and appends the bytes to those that wait. Returns how many came.
    fn read_more(&mut self, source: &mut impl Read) -> io::Result<usize> {
        // The bytes that wait move to the front, so that the free space is in one piece.
        self.bytes.copy_within(self.used..self.filled, 0);
        self.filled -= std::mem::take(&mut self.used);
        if self.filled == self.bytes.len() {
            self.bytes.resize(self.filled + STEP, 0);
        }
        let count = source.read(&mut self.bytes[self.filled..])?;
        self.filled += count;
        Ok(count)
    }
}

/// The length of a line without its end. `\r\n` is one end, so a `\r` at the end doesn't
/// count, even if its `\n` hasn't come yet.
fn length_without_return(line: &[u8], end: u8) -> usize {
    let has_return = end == b'\n' && line.last() == Some(&b'\r');
    line.len() - usize::from(has_return)
}
