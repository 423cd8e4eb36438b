//! WRONG: the first client is told that it is number 1
use std::io::{self, Write};

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let mut clients = Vec::new();
    loop {
        let (mut stream, _) = listener.accept()?;
        let number = clients.len() + 1;
        crate::report(write!(stream, "Thank you for connecting, you are number {number}"));
        clients.push(stream);
    }
}
