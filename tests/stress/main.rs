//! Where a race could hide: many threads at the same moment, many times.
//!
//! Code that needs no socket is included here unchanged, and driven much harder than a
//! server can: the cache of threads (`src/state/threads.rs`) and the registry of
//! connections (`src/state/connections.rs`). The receivers of datagrams and the drain
//! are driven through real sockets.
//!
//! Each test has a short form, which `cargo test` runs, and a long one:
//!
//! ```text
//! cargo test --release --test stress -- --ignored --nocapture
//! ```
//!
//! runs a million hand-overs of each kind. No order is arranged, so the checks must hold
//! for every order. Every wait has a limit.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library uses the rest"
)]

#[path = "../../src/address.rs"]
mod address;
#[cfg(feature = "tls")]
#[path = "../../src/certificate.rs"]
mod certificate;
#[path = "../../src/state/connections.rs"]
mod connections;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/event.rs"]
mod event;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/socket/mod.rs"]
mod socket;
#[path = "../../src/state/threads.rs"]
mod threads;

mod cache;
mod datagrams;
mod lives;
#[cfg(unix)]
mod registry;

use std::time::{Duration, Instant};

/// How long anything can take before we call it stuck.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many times in the long form.
const MILLION: usize = 1_000_000;

/// How many times in the short form.
const FEW: usize = 20_000;

/// Waits until that's true.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "stuck: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Numbers that look random (SplitMix64).
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % end
    }

    /// Loses a little time, or none.
    fn dawdle(&mut self) {
        match self.below(20) {
            0 => std::thread::yield_now(),
            1 => std::thread::sleep(Duration::from_micros(self.below(50))),
            spins => (0..spins * 20).for_each(|_| std::hint::spin_loop()),
        }
    }
}
