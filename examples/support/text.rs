//! Text from outside: making it safe for a screen, and checking names.
//!
//! A terminal obeys what it receives: `ESC [ 2 J` clears it, and other codes move the
//! cursor, change the title, or reverse the direction of writing. So text from a client,
//! a server, a file or the command line must never be printed unchanged. `say!` and the
//! rest of [`stage`](super::stage) clean each line with this module, so a lesson can't
//! forget it.

/// `text`, made safe for a screen; its lines stay lines.
pub(crate) fn shown(text: &str) -> String {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return text.to_owned(); // nearly all text is plain ASCII: nothing to replace
    }
    let clean = |letter| if letter == '\n' { letter } else { harmless(letter) };
    text.replace("\r\n", "\n").chars().map(clean).collect()
}

/// A character that's safe to show. Control characters could move the cursor, and marks
/// that reverse the direction of writing could hide who wrote a line. Each of these
/// becomes `\u{fffd}`.
pub(crate) fn harmless(letter: char) -> char {
    match letter {
        '\t' => letter,
        '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER, // ends of lines
        '\u{61c}' | '\u{200e}' | '\u{200f}' => char::REPLACEMENT_CHARACTER,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        _ if letter.is_control() => char::REPLACEMENT_CHARACTER,
        _ => letter,
    }
}

/// Whether `text` can be a name: letters with their marks, digits, `-` and `_`, all of
/// them visible.
pub(crate) fn is_name(text: &str) -> bool {
    let allowed = |letter: char| "-_".contains(letter) || is_letter(letter);
    !text.is_empty() && !text.starts_with(is_mark) && text.chars().all(allowed)
}

/// Whether `letter` is a visible part of a word, in any script.
pub(crate) fn is_letter(letter: char) -> bool {
    (letter.is_alphanumeric() || is_mark(letter)) && !is_invisible(letter)
}

/// Whether `letter` is a mark on the letter before it: an accent, a vowel sign.
///
/// The standard library knows these marks (Unicode's *Grapheme_Extend*), but shows it in
/// only one place: debug output writes a mark that is alone as `\u{301}`, but not a mark
/// on a letter.
fn is_mark(letter: char) -> bool {
    let alone = letter.escape_debug().count() == 1;
    let on_a_letter = format!("a{letter}").escape_debug().count() == 2;
    on_a_letter && !alone
}

/// Whether `letter` is invisible: Unicode's *Default_Ignorable_Code_Point*, which the
/// standard library doesn't know, and three marks that only join or fill. Some of these
/// count as letters, such as U+3164, the Hangul filler.
fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2d7f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1107f}'
            | '\u{16fe4}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_gets_letters_and_lines_only() {
        assert_eq!(shown("one\r\ntwo\tand\nhé 世界 🙂"), "one\ntwo\tand\nhé 世界 🙂");
        for bad in ["\x1b[2J", "\u{9b}2J", "\r", "\u{8}", "\u{202e}", "\u{2028}", "\0"] {
            let seen = shown(&format!("a{bad}b"));
            assert!(seen.starts_with("a\u{fffd}"), "{bad:?}: {seen:?}");
            assert!(!seen.contains(bad), "{bad:?}: {seen:?}");
        }
    }

    #[test]
    fn names_of_all_writings_are_names() {
        for name in [
            "ada",
            "Ada-2",
            "a_b",
            "é",
            "e\u{301}",
            "हिन्दी",
            "ไทย",
            "Zoë",
            "世界",
            "עִבְרִית",
        ] {
            assert!(is_name(name), "{name:?}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_name() {
        for name in [
            "",
            " ",
            "a b",
            "a,b",
            "\u{301}",
            "\u{3164}",
            "\u{115f}",
            "\u{1160}",
            "\u{ffa0}",
            "ada\u{3164}",
            "ada\u{200b}",
            "ada\u{200d}",
            "ada\u{ad}",
            "ada\u{fe0f}",
            "ada\u{34f}",
            "ada\u{e0041}",
            "ada\u{2800}",
            "\u{202e}ada",
            "a\x1b",
            "🙂",
        ] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
