//! Repeated calls: after a signal, while the system is short of something, and for each
//! address of a name.
//!
//! - [`retry`] and [`within`]: a signal can interrupt any call that waits. The error is
//!   `Interrupted`, and it means "call me again". To see it, press Ctrl-Z and type `fg`
//!   while a client waits for a reply. Python calls again by itself. So do Rust's
//!   `write_all`, `read_exact` and `accept`, but a single `read` or `recv` doesn't.
//! - [`keep_trying`] and [`BackOff`]: a server that has no file descriptor left can't
//!   accept, so the client stays in the queue. The next call fails at once, too, and a
//!   loop without a pause fails a million times.
//! - [`any_of`]: a name can have several addresses, and the server listens on one of
//!   them.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

use super::stage::say;

/// The first pause after a call that failed, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(10), Duration::from_secs(1)];

/// The shortest timeout that a socket takes: zero isn't allowed.
const SHORTEST: Duration = Duration::from_millis(1);

// [retry]
/// Makes a call, and makes it again whenever a signal interrupts it.
pub(crate) fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
// [/retry]

/// The same for a call with a timeout; `None` means no timeout. After a signal, the call
/// gets the rest of the time, not all of it again.
///
/// # Errors
///
/// Those of the call.
pub(crate) fn within<T, E: Into<io::Error>>(
    time: impl Into<Option<Duration>>,
    mut call: impl FnMut(Option<Duration>) -> Result<T, E>,
) -> io::Result<T> {
    let (time, begin) = (time.into(), Instant::now());
    loop {
        let left = time.map(|time| time.saturating_sub(begin.elapsed()));
        match call(left.map(|left| left.max(SHORTEST))).map_err(Into::into) {
            // When the time was up, the call took one last look at what had arrived.
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                if left == Some(Duration::ZERO) {
                    return Err(ErrorKind::TimedOut.into());
                }
            }
            result => return result,
        }
    }
}

/// Makes a call until it succeeds, with a pause after each failure.
pub(crate) fn keep_trying<T>(mut call: impl FnMut() -> io::Result<T>) -> T {
    let mut back_off = BackOff::default();
    loop {
        if let Some(value) = back_off.after(call()) {
            return value;
        }
    }
}

/// Helps a loop to cope with a call that fails again and again: it reports the failure
/// once, waits longer and longer, and reports when the call works again.
#[derive(Debug, Default)]
pub(crate) struct BackOff {
    /// When the call began to fail; `None` if it works.
    since: Option<Instant>,
    /// The pause after the next failure.
    pause: Duration,
    /// When the pause ends.
    until: Option<Instant>,
}

impl BackOff {
    /// Takes the result of a call. Returns its value, or starts a pause after a failure.
    pub(crate) fn check<T>(&mut self, result: io::Result<T>) -> Option<T> {
        match result {
            Ok(value) => {
                if let Some(since) = self.since.take() {
                    say!("it works again, after {:.1} s", since.elapsed().as_secs_f64());
                }
                *self = Self::default();
                Some(value)
            }
            // The system isn't short of anything: a signal came, or the client left
            // again.
            Err(error) if is_passing(error.kind()) => None,
            Err(error) => {
                if self.since.is_none() {
                    say!("error: {error}; I keep trying");
                    self.since = Some(Instant::now());
                }
                self.pause = (self.pause * 2).clamp(PAUSES[0], PAUSES[1]);
                self.until = Some(Instant::now() + self.pause);
                None
            }
        }
    }

    /// How much longer the pause lasts; `None` if there isn't one.
    pub(crate) fn left(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Takes the result of a call, and waits until the pause ends, if there is one.
    pub(crate) fn after<T>(&mut self, result: io::Result<T>) -> Option<T> {
        let value = self.check(result);
        thread::sleep(self.left().unwrap_or_default());
        value
    }
}

/// Whether the next call could succeed right away.
fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::ConnectionAborted)
}

// [any_of]
/// Tries each address of `name` (`HOST:PORT`), until `ask` succeeds at one of them.
pub(crate) fn any_of<T>(
    name: impl ToSocketAddrs,
    mut ask: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut addresses = name.to_socket_addrs()?.peekable();
    while let Some(address) = addresses.next() {
        let result = ask(address);
        let (Err(error), Some(next)) = (&result, addresses.peek()) else {
            return result;
        };
        say!("{address}: {error}; I try {next}");
    }
    Err(ErrorKind::NotFound.into()) // a name without an address
}
// [/any_of]

#[cfg(test)]
mod tests {
    use super::*;

    /// A call that fails with these kinds, one after the other, and then succeeds.
    fn failing(kinds: &[ErrorKind]) -> impl FnMut() -> io::Result<usize> {
        let mut left = kinds.iter();
        let mut calls = 0;
        move || {
            calls += 1;
            left.next().map_or(Ok(calls), |kind| Err((*kind).into()))
        }
    }

    #[test]
    fn a_signal_is_no_failure_and_anything_else_is() -> io::Result<()> {
        assert_eq!(retry(failing(&[ErrorKind::Interrupted; 3]))?, 4);
        let kind = ErrorKind::ConnectionReset;
        let result = retry(failing(&[ErrorKind::Interrupted, kind]));
        assert_eq!(result.map_err(|error| error.kind()), Err(kind));
        Ok(())
    }

    #[test]
    fn after_a_signal_the_rest_of_the_time_is_left() -> io::Result<()> {
        const TIME: Duration = Duration::from_millis(60);
        let mut given = Vec::new();
        let ended = within(TIME, |left| {
            given.push(left);
            thread::sleep(Duration::from_millis(20)); // a signal comes now
            io::Result::<()>::Err(ErrorKind::Interrupted.into())
        });
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
        assert_eq!(given.last(), Some(&Some(SHORTEST)), "one last look: {given:?}");
        assert!((2..=5).contains(&given.len()), "{given:?}");
        let shrinks = |pair: &[_]| pair[0] > pair[1] || pair[0] == Some(SHORTEST);
        assert!(given.windows(2).all(shrinks), "{given:?}");

        let mut call = failing(&[ErrorKind::Interrupted; 2]);
        assert_eq!(within(None, |left| call().map(|calls| (calls, left)))?, (3, None));
        let refused = within(TIME, |_| failing(&[ErrorKind::ConnectionRefused])());
        let kind = refused.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::ConnectionRefused));
        Ok(())
    }

    #[test]
    fn pauses_grow_and_end() {
        let mut back_off = BackOff::default();
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            back_off.check(io::Result::<()>::Err(io::Error::other("no room")));
            assert!(back_off.pause >= last && back_off.pause <= PAUSES[1]);
            assert!(back_off.left().is_some());
            last = back_off.pause;
        }
        assert_eq!(last, PAUSES[1]);
        assert_eq!(back_off.check(Ok(7)), Some(7));
        assert_eq!((back_off.left(), back_off.pause), (None, Duration::ZERO));
        let mut call = failing(&[ErrorKind::Interrupted, ErrorKind::OutOfMemory]);
        assert_eq!(keep_trying(&mut call), 3);
    }

    #[test]
    fn the_next_address_is_tried_after_an_error() -> io::Result<()> {
        let all: [SocketAddr; 3] = [1, 2, 3].map(|port| ([127, 0, 0, 1], port).into());
        let mut asked = Vec::new();
        let mut ask = |works: u16| {
            asked.clear();
            let answer = any_of(&all[..], |address| {
                asked.push(address.port());
                let refused = io::Error::from(ErrorKind::ConnectionRefused);
                if address.port() == works { Ok(works) } else { Err(refused) }
            });
            (answer.map_err(|error| error.kind()), asked.clone())
        };
        assert_eq!(ask(1), (Ok(1), vec![1]));
        assert_eq!(ask(3), (Ok(3), vec![1, 2, 3]));
        assert_eq!(ask(4), (Err(ErrorKind::ConnectionRefused), vec![1, 2, 3]));
        Ok(())
    }
}
