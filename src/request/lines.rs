//! Finding lines in what comes from a socket, which knows of no lines.

use std::io::{self, Read};

use crate::error::LineError;

/// Bytes that have been read and not used yet.
///
/// It has no memory until something is read into it, and never more than the longest
/// line and one read need.
#[derive(Debug, Default)]
pub(crate) struct LineBuffer {
    /// Space for bytes; `bytes[used..filled]` are those that wait.
    bytes: Vec<u8>,
    used: usize,
    filled: usize,
    /// The end of a line that was too long. That has been reported, but the end hasn't
    /// been seen yet: what comes before it belongs to nobody.
    skipping_to: Option<u8>,
}

/// By how much the buffer grows.
const STEP: usize = 8 * 1024;

impl LineBuffer {
    /// Finds the next line, which ends with `end`. Returns its length with its end: it is
    /// in front of all that [waits](Self::waiting). `None` when `source` is at its end;
    /// then all that waits is the beginning of a line that never came.
    ///
    /// It doesn't matter how the bytes are cut into reads. The error for a line of more
    /// than `max` bytes, without its end, comes once; the next call of any method begins
    /// behind that line. When `source` fails, no byte is lost.
    pub(crate) fn find_line(
        &mut self,
        end: u8,
        max: usize,
        source: &mut impl Read,
    ) -> io::Result<Option<usize>> {
        self.skip(source)?;
        let mut searched = 0; // this many of the waiting bytes are not `end`
        loop {
            let waiting = self.waiting();
            let place = waiting[searched..].iter().position(|byte| *byte == end);
            let line = &waiting[..place.map_or(waiting.len(), |place| searched + place)];
            if length_without_return(line, end) > max {
                // What has come of it goes at once, or a client could fill our memory.
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

    /// Reads once, if nothing waits, and returns what waits then. Nothing is the end.
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

    /// Whether the next byte is whatever comes next from the source.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting().is_empty() && self.skipping_to.is_none()
    }

    /// Throws away the rest of a line that was too long.
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
                        return Ok(()); // the end, and it will still be the end next time
                    }
                }
            }
        }
        Ok(())
    }

    /// Reads once and adds what has come to what waits. Returns how many bytes.
    fn read_more(&mut self, source: &mut impl Read) -> io::Result<usize> {
        // What waits moves to the front, so that the space behind it is in one piece.
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

/// The length of a line. `\r\n` is one end: the `\r` doesn't count, even if the `\n` that
/// would make it an end hasn't come yet.
fn length_without_return(line: &[u8], end: u8) -> usize {
    let has_return = end == b'\n' && line.last() == Some(&b'\r');
    line.len() - usize::from(has_return)
}
