//! The parts of lesson 15 that have files of their own.
//!
//! - [`dialogue`]: the dialogue as data, read, checked and walked through
//! - [`desk`]: the dialogue that the bot uses, and the numbers of its tickets
//! - [`customer`]: the other end, over TCP and over UDP

pub(crate) mod customer;
pub(crate) mod desk;
pub(crate) mod dialogue;
