//! A mistake of the student that only the lesson can explain.
//!
//! [`hints`](super::hints) explains what goes wrong with an address. A lesson that reads
//! something else from its command line (a name, a URL) has to explain mistakes in it.

use std::error::Error;
use std::fmt;
use std::io;

/// What the student reads: one sentence says what is wrong, and one says what to do.
#[derive(Debug)]
struct Mistake(String);

/// An error that ends the program with these sentences and exit status 2.
pub(crate) fn mistake(sentences: impl Into<String>) -> io::Error {
    io::Error::other(Mistake(sentences.into()))
}

/// The sentences, if `error` came from [`mistake`].
pub(crate) fn sentences(error: &io::Error) -> Option<String> {
    error.get_ref()?.downcast_ref::<Mistake>().map(ToString::to_string)
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Mistake {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_keeps_its_sentences_and_other_errors_have_none() {
        let error = mistake("This is wrong.\nDo that.");
        assert_eq!(sentences(&error).as_deref(), Some("This is wrong.\nDo that."));
        assert_eq!(sentences(&io::Error::other("else")), None);
        assert_eq!(sentences(&io::ErrorKind::NotFound.into()), None);
    }
}
