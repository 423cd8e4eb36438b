//! The part of a handler that isn't about sockets.

use std::thread;
use std::time::Duration;

use crate::support::say;

/// A request that begins with `!` needs this much time, and keeps its thread busy. It might
/// ask a database, read a large file or compute something; here, it only sleeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work(Duration);

impl Work {
    pub(crate) fn of(millis: usize) -> Self {
        Self(Duration::from_millis(millis as u64))
    }

    /// Does the work of one request, and returns when it's done.
    pub(crate) fn before_replying_to(self, request: &[u8]) {
        if request.starts_with(b"!") && !self.0.is_zero() {
            say!("works for {} ms", self.0.as_millis());
            thread::sleep(self.0);
        }
    }
}
