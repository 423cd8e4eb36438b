//! How the harness talks to a server process: over the server's standard input and
//! output, a line each way.
//!
//! - The server begins with `listening ADDRESS`.
//! - To `cpu`, it replies `cpu NANOSECONDS`: the processor time it has used so far,
//!   including ended threads.
//! - To `stop`, it replies `stopped NANOSECONDS FINISHED` once it has stopped.
//! - The end of the input ends the server, so no server is left behind.

use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::process;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use crate::machine;

/// The server's end of it.
pub(super) struct Control {
    /// When the harness asked the server to stop.
    asked: Arc<OnceLock<Instant>>,
}

impl Control {
    /// Prints where the server listens. From then on, obeys the harness, on a thread that
    /// sleeps in between.
    pub(super) fn announce(
        address: SocketAddr,
        stop: impl FnOnce() + Send + 'static,
    ) -> Self {
        let asked = Arc::new(OnceLock::new());
        let control = Self { asked: Arc::clone(&asked) };
        println!("listening {address}");
        let mut stop = Some(stop);
        thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                match line.as_deref() {
                    Ok("cpu") => println!("cpu {}", machine::cpu_time().as_nanos()),
                    Ok("stop") => {
                        let _ = asked.set(Instant::now());
                        if let Some(stop) = stop.take() {
                            stop();
                        }
                    }
                    _ => break,
                }
            }
            process::exit(0)
        });
        control
    }

    /// For a server that can't stop in any other way than to end.
    pub(super) fn announce_unstoppable(address: SocketAddr) {
        Self::announce(address, || process::exit(0));
    }

    /// The server has stopped, and `finished` clients were served to the end.
    pub(super) fn stopped(&self, finished: u64) {
        let took = self.asked.get().map(Instant::elapsed).unwrap_or_default();
        println!("stopped {} {finished}", took.as_nanos());
    }
}
