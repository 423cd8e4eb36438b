//! The commands of the chat: every line is some command, and nothing that one client says
//! can affect the screens of the others.

use crate::choices::{Choices, check, same};

#[path = "../../examples/chat/command.rs"]
#[allow(dead_code, reason = "its programs use the rest")]
mod code;

use crate::support::text::harmless;
use code::{Command, NAME, checked_name};

/// Any line, without its end.
fn any_line(choices: &mut Choices<'_, '_>) -> String {
    choices
        .up_to(20, |choices| {
            choices.one_of(&[
                "a",
                " ",
                "/",
                "nick",
                "who",
                "quit",
                "\t",
                "\u{e9}",
                "\u{4e16}",
                "\u{1b}[2J",
                "\u{7}",
                "\u{9b}",
                "\u{202e}",
                "\u{2067}",
                "\0",
                "-",
                "_",
                "\u{a0}",
                "\r",
                "1",
            ])
        })
        .concat()
}

#[test]
fn every_line_is_some_command() {
    check(|choices| {
        let line = any_line(choices);
        let shown: String = line.chars().map(harmless).collect();
        let blank = shown.trim().is_empty();
        let fine = match Command::parse(&line) {
            Command::Nothing => blank,
            Command::Say(text) => !blank && !line.starts_with('/') && text == shown,
            Command::Nick(name) => shown.starts_with("/nick") && name.trim() == name,
            Command::Who => shown.starts_with("/who"),
            Command::Quit => shown.starts_with("/quit"),
            Command::Unknown(word) => shown.starts_with(&format!("/{word}")),
        };
        same(&fine, &true, format!("{line:?} is {:?}", Command::parse(&line)))
    });
}

#[test]
fn what_others_see_does_nothing_to_their_screens() {
    check(|choices| {
        let line = any_line(choices);
        let seen = match Command::parse(&line) {
            Command::Say(text) | Command::Nick(text) | Command::Unknown(text) => text,
            Command::Who | Command::Quit | Command::Nothing => String::new(),
        };
        let bad = |letter: &char| {
            let turns = ('\u{202a}'..='\u{202e}').contains(letter)
                || ('\u{2066}'..='\u{2069}').contains(letter);
            turns || (letter.is_control() && *letter != '\t')
        };
        same(&seen.chars().find(bad), &None, format!("{line:?}"))
    });
}

/// A name appears in `NAME: line`, and in a list with commas.
#[test]
fn a_name_is_one_word() {
    check(|choices| {
        let name = any_line(choices);
        let Ok(checked) = checked_name(&name) else { return Ok(()) };
        let fine = checked == name
            && (1..=NAME).contains(&name.chars().count())
            && !name.contains([' ', ',', ':', '/', '\t', '\u{1b}', '\u{a0}']);
        same(&fine, &true, format!("{name:?}"))?;
        let command = Command::parse(&format!("/nick {name}"));
        same(&command, &Command::Nick(name.clone()), name)
    });
}
