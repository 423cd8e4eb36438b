//! Encrypted connections: what is special about them, and the promises about streams
//! once more, through TLS.
//!
//! The modules of `tests/it` that are about streams are here unchanged. Only `support`
//! is a different one: its servers encrypt, and so do its clients. (`one_request` isn't
//! here: its clients connect before the server is asked to serve one, and wait for it on
//! its thread.)
#![allow(clippy::unwrap_used)] // a test that fails should say so at once
#![allow(dead_code, reason = "the plain tests use the rest")]

#[path = "../support.rs"]
mod plain;
mod support;

mod certificates;
#[cfg(unix)]
mod records;
mod special;

#[path = "../drain.rs"]
mod drain;
#[path = "../events.rs"]
mod events;
#[cfg(unix)]
#[path = "../faults.rs"]
mod faults;
#[path = "../isolation.rs"]
mod isolation;
#[cfg(unix)]
#[path = "../leaks.rs"]
mod leaks;
#[path = "../limits.rs"]
mod limits;
#[path = "../line_errors.rs"]
mod line_errors;
#[path = "../lines.rs"]
mod lines;
#[cfg(unix)]
#[path = "../nothing_goes_on.rs"]
mod nothing_goes_on;
#[cfg(unix)]
#[path = "../nothing_lost.rs"]
mod nothing_lost;
#[cfg(unix)]
#[path = "../process.rs"]
mod process;
#[path = "../requests.rs"]
mod requests;
#[path = "../stats.rs"]
mod stats;
#[path = "../stopping.rs"]
mod stopping;
#[path = "../timeouts.rs"]
mod timeouts;
#[cfg(unix)]
#[path = "../unix.rs"]
mod unix;
#[path = "../whole_or_reset.rs"]
mod whole_or_reset;
