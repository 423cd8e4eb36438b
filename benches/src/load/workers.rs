//! Clients that need a thread each: for work that is done with blocking calls.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{Tally, Timing, measure};
use crate::sample::Sample;
use crate::server::Server;

/// Tells the workers when it counts, and when it is over.
#[derive(Default)]
pub(super) struct Phase {
    counts: AtomicBool,
    over: AtomicBool,
}

impl Phase {
    pub(super) fn counts(&self) -> bool {
        self.counts.load(Ordering::Relaxed)
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Runs `worker` on `count` threads, first to warm up, then to be measured.
pub(super) fn run<W>(
    server: &mut Server,
    count: usize,
    timing: Timing,
    worker: W,
) -> io::Result<Sample>
where
    W: Fn(usize, &Phase) -> io::Result<Tally> + Sync,
{
    let (phase, worker) = (&Phase::default(), &worker);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || worker(number, phase)))
            .collect();
        thread::sleep(timing.warm_up);
        let sample = measure(server, || {
            phase.counts.store(true, Ordering::Relaxed);
            thread::sleep(timing.measure);
            phase.over.store(true, Ordering::Relaxed);
            let mut tally = Tally::default();
            for worker in workers {
                let result = worker.join();
                tally.add(result.unwrap_or_else(|_| Err(io::Error::other("panic")))?);
            }
            Ok(tally)
        });
        phase.over.store(true, Ordering::Relaxed); // if it failed before that
        sample
    })
}
