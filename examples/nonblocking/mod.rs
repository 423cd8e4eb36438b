//! Lesson 17's count of the calls on a socket: how many there were, how many of them did
//! nothing, and how long they took.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

/// Counts the calls of one kind, and times them.
#[derive(Debug)]
pub(crate) struct Calls {
    /// The name of the function.
    name: &'static str,
    /// Calls that did something.
    useful: usize,
    /// How many bytes the first of them read or wrote.
    first: usize,
    /// Calls that did nothing.
    wasted: usize,
    /// How long the longest call took.
    longest: Duration,
    /// How long all of them took.
    total: Duration,
    /// When a call last did something.
    last: Instant,
}

impl Calls {
    /// A count that starts now, for the function `name`.
    pub(crate) fn new(name: &'static str) -> Self {
        let (longest, total) = (Duration::ZERO, Duration::ZERO);
        Self {
            name,
            useful: 0,
            first: 0,
            wasted: 0,
            longest,
            total,
            last: Instant::now(),
        }
    }

    /// Makes a call and times it. A call that a signal interrupted did nothing, too, so
    /// its error becomes `WouldBlock`. Then the caller asks again, but no longer than
    /// [`wasted`](Self::wasted) allows.
    ///
    /// # Errors
    ///
    /// The error of the call.
    pub(crate) fn time(
        &mut self,
        call: impl FnOnce() -> io::Result<usize>,
    ) -> io::Result<usize> {
        let begin = Instant::now();
        let result = call().map_err(|error| match error.kind() {
            ErrorKind::Interrupted => ErrorKind::WouldBlock.into(),
            _ => error,
        });
        let end = Instant::now();
        self.longest = self.longest.max(end - begin);
        self.total += end - begin;
        if let Ok(count) = result {
            if self.useful == 0 {
                self.first = count;
            }
            self.useful += 1;
            self.last = end;
        }
        result
    }

    /// Counts the last call as one that did nothing.
    ///
    /// # Errors
    ///
    /// No call has done anything for [`PATIENCE`].
    pub(crate) fn wasted(&mut self) -> io::Result<()> {
        self.wasted += 1;
        if self.last.elapsed() >= PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, useful, first, wasted, .. } = self;
        let calls = (useful + wasted).max(1) as f64;
        let average = self.total.as_secs_f64() * 1000.0 / calls;
        let longest = self.longest.as_secs_f64() * 1000.0;
        let plural = if *useful == 1 { "" } else { "s" };
        write!(
            f,
            "{useful} {name}{plural} did something (the first: {first} bytes), \
             {wasted} did nothing\na {name} took {average:.4} ms on average, \
             {longest:.1} ms at most"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_and_patience_ends() -> io::Result<()> {
        let mut calls = Calls::new("read");
        let _ = calls.time(|| Err(ErrorKind::WouldBlock.into()));
        calls.wasted()?;
        let interrupted = calls.time(|| Err(ErrorKind::Interrupted.into()));
        assert_eq!(interrupted.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));
        calls.time(|| Ok(7))?;
        calls.time(|| Ok(0))?;
        let text = calls.to_string();
        let expected =
            "2 reads did something (the first: 7 bytes), 1 did nothing\na read took ";
        assert!(text.starts_with(expected), "{text}");
        calls.last = calls.last.checked_sub(PATIENCE).ok_or(ErrorKind::Other)?;
        let late = calls.wasted().map_err(|error| error.kind());
        assert_eq!(late, Err(ErrorKind::TimedOut));
        Ok(())
    }
}
