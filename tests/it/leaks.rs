//! What a server must not leave behind: threads and descriptors.
//!
//! It only makes sense in a process of its own, see [`in_own_process`]: other tests have
//! threads and descriptors too.
//!
//! [`in_own_process`]: crate::process::in_own_process

use std::fs;
use std::time::Instant;

use crate::support::PATIENCE;

/// How many threads and descriptors there were at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Belongings {
    threads: usize,
    descriptors: usize,
}

impl Belongings {
    /// Those of this moment; zeros where the system doesn't show them.
    pub(crate) fn now() -> Self {
        let count = |dir| fs::read_dir(dir).map_or(0, Iterator::count);
        Self { threads: count("/proc/self/task"), descriptors: count("/proc/self/fd") }
    }

    /// Waits until everything is as it was then. A thread that has done its last work
    /// takes a moment to end.
    pub(crate) fn assert_back(self, what: &str) {
        let until = Instant::now() + PATIENCE;
        let mut now = Self::now();
        while now != self && Instant::now() < until {
            std::thread::yield_now();
            now = Self::now();
        }
        assert_eq!(now, self, "not as it was before: {what}");
    }
}

/// The memory that this process uses, in bytes, without what it maps from files (such as
/// its own code); 0 where the system doesn't show it.
pub(crate) fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = anonymous.and_then(|rest| rest.trim().strip_suffix(" kB"));
    1024 * kilobytes.map_or(0, |number| number.trim().parse().unwrap())
}

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % end
    }
}
