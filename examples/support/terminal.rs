//! A question on the screen, and the line that answers it.

use std::io::{self, BufRead, IsTerminal};

use super::stage;

/// Shows `prompt`, at once, and reads one line; `None` is the end of the input.
///
/// The screen is a buffer that is emptied at the end of a line. A prompt has no end of
/// line, so it is flushed: Python's `input()` does that too, Rust's `print!` does not.
///
/// From a pipe, the line is shown as well. A terminal has done that already.
///
/// # Errors
///
/// The input cannot be read.
pub(crate) fn ask(prompt: &str) -> io::Result<Option<String>> {
    stage::print(prompt);
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    let at_end = input.read_until(b'\n', &mut line)? == 0;
    let line = String::from_utf8_lossy(&line);
    let line = line.trim_end_matches(['\r', '\n']);
    if at_end || !io::stdin().is_terminal() {
        stage::print(&format!("{line}\n"));
    }
    Ok((!at_end).then(|| line.to_owned()))
}
