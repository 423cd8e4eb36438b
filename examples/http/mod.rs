//! The parts of lesson 16 that have files of their own: as much of HTTP/1.1 as a small
//! client and a small server need (RFC 9110, RFC 9112).
//!
//! - [`url`]: what to fetch, and from where
//! - [`head`]: a first line and headers, as both ends send them
//! - [`body`]: the three ways for a body to end
//! - [`request`]: what a client sends; [`response`]: what a server replies
//! - [`pages`]: the responses of our server; [`date`]: the time of a response
//! - [`excerpt`]: the beginning of a long page
//! - [`text`]: tokens, numbers and hosts; [`error`]: what is wrong with a message
//!
//! Nothing here uses a socket. Everything reads from any
//! [`BufRead`](std::io::BufRead), so that a test can feed it from memory, in pieces of
//! any size. Don't trust what comes over the network: this code limits the size of a
//! head and checks each length. If something isn't HTTP, the error's kind is
//! [`InvalidData`](std::io::ErrorKind::InvalidData). If a message ends too early, it's
//! [`UnexpectedEof`](std::io::ErrorKind::UnexpectedEof).

pub(crate) mod body;
pub(crate) mod date;
pub(crate) mod error;
pub(crate) mod excerpt;
pub(crate) mod head;
pub(crate) mod pages;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod text;
pub(crate) mod url;

pub(crate) use body::read_body;
pub(crate) use excerpt::Excerpt;
pub(crate) use response::Response;
pub(crate) use text::marked;
pub(crate) use url::Url;
