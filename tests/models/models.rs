//! Models of what many threads share, checked in an order of steps that [`shuttle`]
//! chooses: at each lock, atomic and wait it says who goes on.
//!
//! What is checked are the library's own files: the cache of threads, the registry, the
//! pulse, and the receivers of datagrams. `build.rs` copies them, [`shuttled`] gives them
//! other locks, threads and clocks, and [`fakes`] stands for the sockets. So one model
//! sees in a second what a real machine does once in a year.
//!
//! ```text
//! cargo test -p socketserver-models
//! MODELS_SECONDS=600 cargo test --release -p socketserver-models
//! ```
//!
//! A model runs for a second, or as long as the variable says. One that fails prints its
//! schedule, and `MODELS_SCHEDULE=.. cargo test -p socketserver-models NAME` runs just
//! that one again.
//!
//! What this can't see: what needs an ordering of atomics weaker than `SeqCst` (all are
//! taken to be that strong); jobs that panic, which shuttle takes to be failures; a
//! system without threads or descriptors. `tests/stress/` runs on real ones.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the library uses the rest"
)]

#[path = "../../src/address.rs"]
mod address;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/event.rs"]
mod event;

mod fakes;
mod shuttled;

mod pulse;
mod receivers;
mod registry;
mod threads;

use std::env;
use std::time::{Duration, Instant};

use shuttle::scheduler::{PctScheduler, RandomScheduler, ReplayScheduler};
use shuttle::{Config, MaxSteps, Runner, thread};

use fakes::{handler, options, request, serve, socket, state};

/// Runs a model in many orders: half of the time any, half of the time such as let one
/// thread wait for very long.
fn check(model: impl Fn() + Send + Sync + Clone + 'static) {
    let mut config = Config::new();
    config.stack_size = 0x2_0000;
    config.max_steps = MaxSteps::FailAfter(100_000);
    config.silence_warnings = true;
    if let Ok(schedule) = env::var("MODELS_SCHEDULE") {
        Runner::new(ReplayScheduler::new_from_encoded(&schedule), config).run(model);
        return;
    }
    let seconds = env::var("MODELS_SECONDS").map_or(1.0, |text| text.parse().unwrap());
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut runs = 0;
    while Instant::now() < until {
        let any = Runner::new(RandomScheduler::new(50), config.clone());
        runs += any.run(model.clone());
        let unfair = Runner::new(PctScheduler::new(3, 50), config.clone());
        runs += unfair.run(model.clone());
    }
    println!("{runs} runs");
}

/// Another thread may go on here. (`yield_now` would say that it *should*, and an unfair
/// order obeys that: no thread would be faster than one that yields.)
fn step() {
    thread::sleep(Duration::ZERO);
}
