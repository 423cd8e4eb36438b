//! Text from outside: whatever it is, a screen gets nothing that it would obey, and a
//! name is visible.

use crate::choices::{Choices, check, same};
use crate::support::text::{harmless, is_name, shown};

/// Any character, and often one that affects a terminal.
fn any_letter(choices: &mut Choices<'_, '_>) -> char {
    match choices.below(3) {
        0 => choices.one_of(&[
            'a',
            '1',
            '-',
            '_',
            ' ',
            '\n',
            '\r',
            '\t',
            '\u{1b}',
            '\u{7f}',
            '\u{9b}',
            '\u{301}',
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{202e}',
            '\u{2066}',
            '\u{2028}',
            '\u{3164}',
            '\u{feff}',
            '\u{fffd}',
            '\u{e0041}',
            '\u{5d0}',
        ]),
        1 => char::from_u32(choices.below(0x3000) as u32).unwrap_or('x'),
        _ => char::from_u32(choices.below(0x11_0000) as u32).unwrap_or('x'),
    }
}

fn any_text(choices: &mut Choices<'_, '_>) -> String {
    choices.up_to(30, any_letter).into_iter().collect()
}

#[test]
fn a_screen_gets_nothing_that_it_would_obey() {
    check(|choices| {
        let text = any_text(choices);
        let seen = shown(&text);
        let bad = |letter: char| {
            let control = letter.is_control() && letter != '\n' && letter != '\t';
            control || harmless(letter) != letter && letter != '\n'
        };
        same(&seen.chars().find(|letter| bad(*letter)), &None, format!("{text:?}"))?;
        same(&shown(&seen), &seen, "what is clean stays as it is")?;
        let ends = text.matches('\n').count();
        same(&seen.matches('\n').count(), &ends, format!("the lines of {text:?}"))?;
        let lost = text.matches("\r\n").count();
        same(&seen.chars().count(), &(text.chars().count() - lost), format!("{text:?}"))
    });
}

/// Each character of a name is visible, and doesn't change the direction of writing.
#[test]
fn a_name_is_printed_as_it_is() {
    check(|choices| {
        let name = any_text(choices);
        if !is_name(&name) {
            return Ok(());
        }
        same(&shown(&name), &name, "nothing in it is replaced")?;
        // Debug output, after an `a`, must not have to escape it.
        let escaped = format!("a{name}").escape_debug().to_string();
        same(&escaped, &format!("a{name}"), "it can be printed")?;
        let blank = name.chars().any(char::is_whitespace);
        same(&blank, &false, format!("{name:?}"))
    });
}
