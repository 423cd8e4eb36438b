//! What a handler is given: a connection, or a datagram.

pub(crate) mod datagram;
mod lines;
mod source;
pub(crate) mod stream;
mod timeouts;
pub(crate) mod writer;
