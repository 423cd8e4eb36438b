//! The parts of lesson 15 that have a file of their own.
//!
//! - [`dialogue`]: the dialogue as data: read, checked, walked through
//! - [`desk`]: the dialogue that is served, and the numbers of its tickets
//! - [`customer`]: the other end, over TCP and over UDP

pub(crate) mod customer;
pub(crate) mod desk;
pub(crate) mod dialogue;
