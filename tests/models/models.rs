//! Models of what many threads share. [`shuttle`] chooses the order of the steps: at each
//! lock, atomic and wait, it decides which thread goes on.
//!
//! The models check the library's own files: the cache of threads, the registry, the
//! pulse, and the receivers of datagrams. `build.rs` copies them, [`shuttled`] gives them
//! other locks, threads and clocks, and [`fakes`] replaces the sockets. An order that a
//! real machine takes once a year comes up here in seconds.
//!
//! ```text
//! CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p socketserver-models
//! CARGO_PROFILE_DEV_OPT_LEVEL=2 MODELS_SECONDS=600 cargo test -p socketserver-models
//! ```
//!
//! Each model runs for a second, about ten thousand times, or for as many seconds as the
//! variable says. (Without the first variable, it works, but runs only a tenth as many
//! times.) A model that fails prints its schedule. Run just that model again, with the
//! same code:
//!
//! ```text
//! MODELS_SCHEDULE=.. cargo test -p socketserver-models threads::no_job
//! ```
//!
//! What this can't see:
//!
//! - An atomic whose ordering is too weak: shuttle treats all of them as `SeqCst`.
//! - Jobs and handlers that panic: shuttle treats a panic as a failure.
//! - A system that has no thread or file descriptor left, and real sockets.
//! - How long anything takes. Time passes by chance.
//!
//! `tests/stress/` and `tests/it/` test those.
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

/// Runs a model in many orders. Half of them are random. The other half are unfair, so
/// that one thread is far ahead of the others, or far behind.
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

/// Another thread can go on here. (`yield_now` would say that it *should*. An unfair
/// order obeys that, so no thread could get ahead of one that yields.)
fn step() {
    thread::sleep(Duration::ZERO);
}
