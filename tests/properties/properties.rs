//! Properties of the code that reads what comes from outside: they hold for any input,
//! cut into pieces in any way.
//!
//! What is tested knows no socket, so it is included here as it stands, and fed from
//! memory. Each file of properties has the name of what it tests:
//!
//! - `text`: what may reach a screen, and what may be a name; `address`: `--addr`.
//! - `lines`: `src/request/lines.rs`, how the library finds lines.
//! - `chat`: the commands of lesson 14.
//! - `bot`: the dialogue of lesson 15.
//! - `http`, `http_requests`: the messages and URLs of lesson 16.
//!
//! Each is tried for a third of a second; with `ARBTEST_BUDGET_MS=60000`, for a minute.
//!
//! For more, add a file here, and a `#[path]` to what it tests. `choices` makes the
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

/// What the files of the examples use that are tested here.
#[path = "../../examples/support"]
mod support {
    #[allow(dead_code, reason = "its programs use the rest")]
    pub(crate) mod address;
    #[allow(dead_code, reason = "its programs use the rest")]
    pub(crate) mod text;
}
