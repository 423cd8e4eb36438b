//! RIGHT
use std::io::{self, Write};

pub(crate) fn main() -> io::Result<()> {
    let listener = crate::listen()?;
    let mut number = 0;
    loop {
        let (mut stream, _) = listener.accept()?;
        number += 1;
        crate::report(write!(stream, "Thank you for connecting, you are number {number}"));
    }
}
