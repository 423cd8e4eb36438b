//! Properties of the code that reads what comes from outside: they hold for any input,
//! cut into pieces in any way.
//!
//! What is tested knows no socket, so it is included here as it stands, and fed from
//! memory. Each file of properties has the name of what it tests:
//!
//! - `lines`: `src/lines.rs`, how the library finds lines.
//!
//! For more, add a file here, and a `#[path]` to what it tests. `choices` makes the
//! input.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once

mod choices;
mod lines;
