//! WRONG: the next ones are number 2 and number 3
use std::io::{self, Write};

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    loop {
        let mut number = 0;
        let (mut stream, _) = listener.accept()?;
        number += 1;
        crate::report(write!(stream, "Thank you for connecting, you are number {number}"));
    }
}
