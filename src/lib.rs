//! Threaded servers after Python's `socketserver`.
