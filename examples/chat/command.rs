//! What a line means. Every function here depends on its arguments only.

use crate::support::text::{harmless, is_name};

/// The longest name, in letters.
pub(crate) const NAME: usize = 20;

/// The commands, as shown to a newcomer.
pub(crate) const COMMANDS: &str = "/nick NAME, /who, /quit";

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// To say this to all the others.
    Say(String),
    /// To be called this.
    Nick(String),
    /// To know who is here.
    Who,
    /// To leave.
    Quit,
    /// Nothing: the line is blank.
    Nothing,
    /// There is no such command.
    Unknown(String),
}

impl Command {
    // [parse]
    /// Finds out what a line means. Every line is some command.
    pub(crate) fn parse(line: &str) -> Self {
        let line: String = line.chars().map(harmless).collect();
        let Some(command) = line.strip_prefix('/') else {
            return if line.trim().is_empty() { Self::Nothing } else { Self::Say(line) };
        };
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word.trim_end() {
            "nick" => Self::Nick(rest.trim().to_owned()),
            "who" => Self::Who,
            "quit" => Self::Quit,
            other => Self::Unknown(other.to_owned()),
        }
    }
    // [/parse]
}

/// Returns `name`, if it can be a name.
///
/// # Errors
///
/// Says what a name must be, in words.
pub(crate) fn checked_name(name: &str) -> Result<&str, String> {
    if name.chars().count() <= NAME && is_name(name) {
        return Ok(name);
    }
    Err(format!("a name has 1 to {NAME} letters, digits, - or _"))
}
