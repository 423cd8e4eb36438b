//! The parts of lesson 14 that have files of their own.
//!
//! - [`room`]: who is here, and a mailbox for each
//! - [`command`]: what a line means
//! - [`client`](mod@client): the other end of the line
//! - [`screen`]: where the client shows what it receives
//! - [`naive`]: the room as a first try
//! - [`crowd`]: the guests of the demonstration

mod client;
pub(crate) mod command;
pub(crate) mod crowd;
pub(crate) mod naive;
pub(crate) mod room;
mod screen;

pub(crate) use client::client;
