//! The beginning of something that might be long.

use std::io::{self, Write};

use super::text::printable;

/// The longest page that is shown as text, in bytes.
const SHORT: usize = 1000;

/// Counts the bytes that are written to it, and keeps the first ones.
#[derive(Debug, Default)]
pub(crate) struct Excerpt {
    /// How many bytes were written.
    count: u64,
    /// The first [`SHORT`] of them.
    beginning: Vec<u8>,
}

impl Excerpt {
    /// The text, if it's short enough for the screen, or else how long it is.
    pub(crate) fn text(&self) -> String {
        match self.count {
            0 => "(no bytes)".to_owned(),
            count if count > SHORT as u64 => format!("({count} bytes, not shown)"),
            _ => printable(&self.beginning).trim_end().to_owned(),
        }
    }
}

impl Write for Excerpt {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let space = SHORT.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..space]);
        self.count += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_shown_and_what_is_long_is_counted() -> io::Result<()> {
        let mut excerpt = Excerpt::default();
        assert_eq!(excerpt.text(), "(no bytes)");
        excerpt.write_all(b"one\r\n")?;
        excerpt.write_all(b"two\x1b\n")?;
        assert_eq!(excerpt.text(), "one\ntwo\u{fffd}");
        excerpt.write_all(&[b'x'; 2000])?;
        assert_eq!(excerpt.text(), "(2010 bytes, not shown)");
        Ok(())
    }
}
