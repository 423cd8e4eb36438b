//! The wake-ups that all threads of a server share.

use std::io;

use super::pulse::Pulse;
use super::wake::Wake;

/// What wakes the threads of a server.
#[derive(Debug)]
pub(crate) struct Wakes {
    /// The server stops: the accept loop ends, and readers see end of file.
    pub(crate) stop: Wake,
    /// The drain is over: no thread waits for anything any more.
    pub(crate) cut: Wake,
    /// Wakes threads that wait without a timer of their own, about once a second.
    pub(crate) pulse: Pulse,
}

impl Wakes {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { stop: Wake::new()?, cut: Wake::new()?, pulse: Pulse::default() })
    }

    /// The server stops. Never blocks.
    pub(crate) fn stop(&self) {
        self.stop.wake();
        self.pulse.stop(); // last: a thread that a beat wakes checks whether the server stops
    }
}
