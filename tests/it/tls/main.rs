//! Encrypted connections: what is special about them, and the promises about streams once
//! more, through TLS.
#![allow(clippy::unwrap_used)] // a test that fails should say so at once

mod certificates;
