//! The parts of lesson 16 that have a file of their own: HTTP/1.1, as far as a small
//! client and a small server need it (RFC 9110, RFC 9112).
//!
//! - [`url`]: what to fetch, and from where
//! - [`head`]: a first line and headers, as both ends send them
//! - [`body`]: the three ways in which a body ends
//! - [`request`]: what a server is asked; [`response`]: what a client is answered
//! - [`pages`]: what our server answers; [`date`]: when it did
//! - [`excerpt`]: the beginning of what is long
//! - [`text`]: tokens, numbers, hosts; [`error`]: what is wrong with a message
//!
//! Nothing here knows a socket. Everything reads from any
//! [`BufRead`](std::io::BufRead), so that a test can feed it from memory, in pieces of
//! any size. What comes over the network is not to be trusted: a head has a greatest
//! size, a length is checked, and what is not HTTP is an error of the kind
//! [`InvalidData`](std::io::ErrorKind::InvalidData). A message that breaks off is an
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
