//! Properties of the code that reads input from outside. They hold for any input, split
//! into pieces in any way.
//!
//! The tested code doesn't know about sockets, so it's included here unchanged, and reads
//! from memory. Each file of properties is named after what it tests:
//!
//! - `text`: what can reach a screen, and what can be a name; `address`: `--addr`.
//! - `lines`: `src/request/lines.rs`, how the library finds lines.
//! - `chat`: the commands of lesson 14.
//! - `bot`: the dialogue of lesson 15.
//! - `http`, `http_requests`: the messages and URLs of lesson 16.
//!
//! Each test runs for a third of a second; with `ARBTEST_BUDGET_MS=60000`, for a minute.
//!
//! To add more, write a file here, with a `#[path]` to what it tests. `choices` makes the
//! input.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once

mod address;
mod bot;
mod chat;
mod choices;
#[path = "../../src/error.rs"]
#[allow(dead_code, unreachable_pub, reason = "the library uses the rest")]
mod error;
mod http;
mod http_requests;
mod lines;
mod text;

/// What the tested files of the examples use.
#[path = "../../examples/support"]
mod support {
    #[allow(dead_code, reason = "its programs use the rest")]
    pub(crate) mod address;
    #[allow(dead_code, reason = "its programs use the rest")]
    pub(crate) mod text;
}
