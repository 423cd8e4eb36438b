//! What can be wrong with a message.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why a message is rejected. It's inside an [`io::Error`]: a client shows it, and a
/// server sends it as its response.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// The status of the server's response: `400 Bad Request`.
    pub(crate) status: &'static str,
    /// A sentence that says what is wrong.
    pub(crate) why: String,
}

impl Rejection {
    /// The rejection inside an error; `None` if it's another kind of error.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Rejection {}

/// The other side sent something that we don't accept.
pub(crate) fn rejected(status: &'static str, why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, Rejection { status, why: why.into() })
}

/// The other side sent something that isn't HTTP.
pub(crate) fn bad(why: impl Into<String>) -> io::Error {
    rejected("400 Bad Request", why)
}

/// The other side ended the connection too early.
pub(crate) fn broken(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, why.into())
}
