//! The terminal: a question and the line that answers it, and how wide the window is.

use std::io::{self, BufRead, IsTerminal};

use super::mistake::mistake;
use super::stage;
use super::text::shown;

/// The width we assume if the system can't tell us the window's width.
const USUAL: usize = 80;

/// Shows `prompt` at once, and reads one line; `None` at the end of the input.
///
/// Output is buffered until the end of a line. A prompt has no end of line, so it has to
/// be flushed. Python's `input()` does that, too, but Rust's `print!` doesn't.
///
/// If the input is a pipe, the line is printed as well. A terminal has already shown it.
///
/// # Errors
///
/// Reading the input failed, or the input isn't UTF-8.
pub(crate) fn ask(prompt: &str) -> io::Result<Option<String>> {
    stage::print(prompt);
    let mut input = io::stdin().lock();
    let mut line = Vec::new();
    let at_end = input.read_until(b'\n', &mut line)? == 0;
    let line = String::from_utf8(line).map_err(|_| {
        mistake(
            "What you have typed is not UTF-8.\nSet your terminal to UTF-8, or write it \
                 in letters that ASCII has.",
        )
    })?;
    let line = line.trim_end_matches(['\r', '\n']);
    if at_end || !io::stdin().is_terminal() {
        stage::print(&format!("{}\n", shown(line)));
    }
    Ok((!at_end).then(|| line.to_owned()))
}

/// Asks until the answer is yes or no, and returns whether it's yes; `None` at the end of
/// the input.
///
/// # Errors
///
/// The input cannot be read.
pub(crate) fn ask_yes_or_no(prompt: &str) -> io::Result<Option<bool>> {
    while let Some(answer) = ask(prompt)? {
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(Some(true)),
            "n" | "no" => return Ok(Some(false)),
            _ => {}
        }
    }
    Ok(None)
}

/// Asks until the answer is yes, or until there is no more input.
///
/// # Errors
///
/// The input cannot be read.
pub(crate) fn ask_until_yes(prompt: &str) -> io::Result<()> {
    while ask_yes_or_no(prompt)? == Some(false) {}
    Ok(())
}

/// How many columns this program's window has; `None` if the output is a file or a pipe.
pub(crate) fn width() -> Option<usize> {
    let screen = io::stdout();
    screen.is_terminal().then(|| window(&screen).unwrap_or(USUAL))
}

/// What the system knows about the window.
#[cfg(unix)]
fn window(screen: &io::Stdout) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(screen).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Windows has other calls for this, and the standard library doesn't offer them.
#[cfg(not(unix))]
fn window(_: &io::Stdout) -> Option<usize> {
    None
}
