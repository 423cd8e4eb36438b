//! Lesson 17's account of the calls on a socket: how many, how many in vain, how long they
//! took.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

/// Counts the calls of one kind, and times them.
#[derive(Debug)]
pub(crate) struct Calls {
    /// The function that is called.
    name: &'static str,
    /// Calls that did something.
    useful: usize,
    /// How many bytes the first of them took or gave.
    first: usize,
    /// Calls after which the caller said that they were in vain.
    in_vain: usize,
    /// How long the longest call took.
    longest: Duration,
    /// How long all of them took.
    total: Duration,
    /// When a call last did something.
    last: Instant,
}

impl Calls {
    /// No calls yet, of the function `name`.
    pub(crate) fn new(name: &'static str) -> Self {
        let (longest, total) = (Duration::ZERO, Duration::ZERO);
        Self {
            name,
            useful: 0,
            first: 0,
            in_vain: 0,
            longest,
            total,
            last: Instant::now(),
        }
    }

    /// Makes a call and takes its time. What a signal has interrupted was in vain, too: it
    /// becomes `WouldBlock`, so that the caller asks again, but not for longer than
    /// [`in_vain`](Self::in_vain) allows.
    ///
    /// # Errors
    ///
    /// Those of the call.
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

    /// The last call was in vain.
    ///
    /// # Errors
    ///
    /// No call has done anything for [`PATIENCE`].
    pub(crate) fn in_vain(&mut self) -> io::Result<()> {
        self.in_vain += 1;
        if self.last.elapsed() >= PATIENCE {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(())
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, useful, first, in_vain, .. } = self;
        let calls = (useful + in_vain).max(1) as f64;
        let average = self.total.as_secs_f64() * 1000.0 / calls;
        let longest = self.longest.as_secs_f64() * 1000.0;
        let plural = if *useful == 1 { "" } else { "s" };
        write!(
            f,
            "{useful} {name}{plural} did something (the first: {first} bytes), {in_vain} in \
             vain\na {name} took {average:.4} ms on average, {longest:.1} ms at most"
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
        calls.in_vain()?;
        let interrupted = calls.time(|| Err(ErrorKind::Interrupted.into()));
        assert_eq!(interrupted.map_err(|e| e.kind()), Err(ErrorKind::WouldBlock));
        calls.time(|| Ok(7))?;
        calls.time(|| Ok(0))?;
        let text = calls.to_string();
        let expected =
            "2 reads did something (the first: 7 bytes), 1 in vain\na read took ";
        assert!(text.starts_with(expected), "{text}");
        calls.last = calls.last.checked_sub(PATIENCE).ok_or(ErrorKind::Other)?;
        let late = calls.in_vain().map_err(|error| error.kind());
        assert_eq!(late, Err(ErrorKind::TimedOut));
        Ok(())
    }
}
