//! WRONG: the first client is told that it is number 1
use std::io::{self, Write};

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let mut number = 0;
    loop {
        let (mut stream, _) = listener.accept()?;
        crate::report(write!(stream, "Thank you for connecting, you are number {number}"));
        number += 1;
    }
}
