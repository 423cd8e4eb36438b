//! What can be wrong with a message.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

/// Why a message is refused. It stands inside an [`io::Error`]: a client shows it, and a
/// server answers with it.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What a server answers: `400 Bad Request`.
    pub(crate) status: &'static str,
    /// A sentence that says what is wrong.
    pub(crate) why: String,
}

impl Refusal {
    /// The refusal inside an error; `None` if the error says something else.
    pub(crate) fn within(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Refusal {}

/// The other side sends what we do not take.
pub(crate) fn refused(status: &'static str, why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, Refusal { status, why: why.into() })
}

/// The other side does not speak HTTP.
pub(crate) fn bad(why: impl Into<String>) -> io::Error {
    refused("400 Bad Request", why)
}

/// The other side broke off.
pub(crate) fn broken(why: impl Into<String>) -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, why.into())
}
