//! The promises of the library, each held by tests over real sockets.
//!
//! One program for all of them, so that it is linked once. The promises are numbered as
//! in the library's design; for each one, a test fails when it is broken.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once

mod bind;
mod cpython;
mod drain;
mod isolation;
mod leaks;
mod limits;
mod lines;
#[cfg(unix)]
mod nothing_lost;
mod one_request;
mod reliability;
mod requests;
mod resources;
mod signals;
mod stats;
mod stopping;
mod support;
mod udp;
#[cfg(unix)]
mod unix;
