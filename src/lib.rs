//! Threaded servers after Python's `socketserver`.

#[cfg(any(doc, doctest))]
pub mod lessons;
