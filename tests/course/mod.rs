//! The machinery that keeps the course true. Each check takes the root of a project and
//! returns complaints, so that tests can also give it broken projects.
#![allow(dead_code, reason = "each test file uses a part")]

pub(crate) mod compiler;
pub(crate) mod drawings;
pub(crate) mod english;
pub(crate) mod excerpts;
pub(crate) mod files;
pub(crate) mod form;
pub(crate) mod interop;
pub(crate) mod links;
pub(crate) mod pictures;
pub(crate) mod programs;
pub(crate) mod transcripts;

/// Fails with the complaints, if there are any.
pub(crate) fn nothing_to_complain(complaints: &[String]) {
    let count = complaints.len();
    assert!(count == 0, "{count} complaint(s):\n\n{}\n", complaints.join("\n\n"));
}
