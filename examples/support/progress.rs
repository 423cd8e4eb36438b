//! Something long that comes bit by bit: its beginning is kept, the rest is counted, and
//! a terminal shows a bar meanwhile.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::http::printable;

/// What is done by then needs no bar.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often the bar moves.
const TICK: Duration = Duration::from_millis(100);

/// The bar's width, in columns.
const WIDTH: usize = 30;

/// What is longer than this is not shown as text, in bytes.
const SHORT: usize = 1000;

/// Takes what is written to it. The bar stands on the error output while this lives, so
/// that what the program prints may go to a file.
#[derive(Debug)]
pub(crate) struct Progress {
    /// How much there is, if that is known.
    total: Option<u64>,
    /// How much has come.
    count: u64,
    /// The first [`SHORT`] bytes of it.
    beginning: Vec<u8>,
    /// When it began.
    begin: Instant,
    /// When to draw again; `None` if this is no terminal.
    next: Option<Instant>,
    /// Whether a bar stands on the screen.
    drawn: bool,
}

impl Progress {
    /// Begins; `total` is how many bytes there are, if that is known.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let begin = Instant::now();
        let next = io::stderr().is_terminal().then(|| begin + PATIENCE);
        Self { total, count: 0, beginning: Vec::new(), begin, next, drawn: false }
    }

    /// What has come, if it is short enough for the screen. Removes the bar.
    pub(crate) fn text(&mut self) -> String {
        self.clear();
        match self.count {
            0 => "(no bytes)".to_owned(),
            count if count > SHORT as u64 => format!("({count} bytes, not shown)"),
            _ => printable(&self.beginning).trim_end().to_owned(),
        }
    }

    /// Draws the bar, if it is time.
    fn draw(&mut self) {
        let now = Instant::now();
        if self.next.is_some_and(|next| now >= next) {
            self.next = Some(now + TICK);
            self.drawn = true;
            let line = bar(self.count, self.total, now - self.begin);
            let _ = write!(io::stderr().lock(), "\r{line:78}");
        }
    }

    /// Leaves the screen as it was.
    fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr().lock(), "\r{:78}\r", "");
        }
    }
}

impl Write for Progress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = SHORT.saturating_sub(self.beginning.len()).min(bytes.len());
        self.beginning.extend_from_slice(&bytes[..room]);
        self.count += bytes.len() as u64;
        self.draw();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The bar's line.
fn bar(count: u64, total: Option<u64>, time: Duration) -> String {
    let million = count as f64 / 1e6;
    let speed = million / time.as_secs_f64().max(0.001);
    let Some(total) = total.filter(|total| *total > 0) else {
        return format!("{million:.1} MB, {speed:.1} MB/s");
    };
    let part = (count as f64 / total as f64).min(1.0);
    let full = "#".repeat((part * WIDTH as f64) as usize);
    format!(
        "[{full:WIDTH$}] {:3.0} % of {:.1} MB, {speed:.1} MB/s",
        part * 100.0,
        total as f64 / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_shown_and_what_is_long_is_counted() -> io::Result<()> {
        let mut progress = Progress::new(None);
        assert_eq!(progress.text(), "(no bytes)");
        progress.write_all(b"one\r\n")?;
        progress.write_all(b"two\x1b\n")?;
        assert_eq!(progress.text(), "one\ntwo\u{fffd}");
        progress.write_all(&[b'x'; 2000])?;
        assert_eq!(progress.text(), "(2010 bytes, not shown)");
        Ok(())
    }

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        let second = Duration::from_secs(1);
        let half = bar(5_000_000, Some(10_000_000), second);
        assert_eq!(half, format!("[{:30}]  50 % of 10.0 MB, 5.0 MB/s", "#".repeat(15)));
        assert!(
            bar(10, Some(10), second)
                .starts_with(&format!("[{}] 100 %", "#".repeat(30)))
        );
        assert!(bar(20, Some(10), second).contains("100 %"));
        assert_eq!(bar(5_000_000, None, second), "5.0 MB, 5.0 MB/s");
        assert_eq!(bar(0, Some(0), Duration::ZERO), "0.0 MB, 0.0 MB/s");
    }
}
