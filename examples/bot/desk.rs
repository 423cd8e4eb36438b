//! The support desk: the dialogue that the bot uses, and the numbers of its tickets.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::dialogue::{Dialogue, Tree};
use crate::support::mistake::mistake;
use crate::support::{Args, say};

/// The dialogue that the bot uses if the student names no other.
const TEXT: &str = include_str!("../15_support_bot.txt");

/// The longest text of a dialogue, in bytes.
const LONGEST: u64 = 1_000_000;

/// What all customers share.
#[derive(Debug)]
pub(crate) struct Desk {
    /// The dialogue.
    tree: Tree,
    /// The number of the newest ticket.
    tickets: AtomicU32,
}

impl Desk {
    /// Opens the desk with the dialogue of `--dialogue FILE`, or the lesson's own.
    ///
    /// # Errors
    ///
    /// The file can't be read, or has a mistake.
    pub(crate) fn open(args: &Args) -> io::Result<Arc<Self>> {
        let (name, text) = match args.text("dialogue") {
            None => ("examples/15_support_bot.txt", TEXT.to_owned()),
            Some(name) => {
                let text = read(name).map_err(|error| {
                    mistake(format!(
                        "The dialogue {name} can't be read: {error}.\nCheck the name, or \
                         leave --dialogue out."
                    ))
                })?;
                (name, text)
            }
        };
        let tree = Tree::parse(&text).map_err(|why| {
            mistake(format!("The dialogue in {name} has a mistake.\n{why}."))
        })?;
        Ok(Arc::new(Self { tree, tickets: AtomicU32::new(1000) }))
    }

    /// The bot's turn, see [`Tree::turn`]. The server prints each new ticket.
    pub(crate) fn turn(
        &self,
        dialogue: Option<Dialogue>,
        answer: &str,
    ) -> (Option<Dialogue>, String) {
        self.tree.turn(dialogue, answer, |answers| {
            let number = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
            say!("ticket {number}: {answers}");
            number
        })
    }
}

/// Reads a dialogue's text. A file without an end, such as /dev/zero, is an error.
fn read(name: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(name)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(text)
}

/// Turns a line that isn't text, or is too long, into an answer that the bot won't
/// understand.
///
/// # Errors
///
/// Any other error of reading the line.
pub(crate) fn readable(line: io::Result<String>) -> io::Result<String> {
    match line {
        Err(error) if error.kind() == ErrorKind::InvalidData => Ok("???".to_owned()),
        line => line,
    }
}
