//! The columns of `--help`.

use super::terminal;

/// How wide the text of `--help` can be.
const WIDEST: usize = 80;

/// How wide it is: as wide as the window, but not more than that.
pub(crate) fn width() -> usize {
    terminal::width().map_or(WIDEST, |columns| columns.clamp(40, WIDEST))
}

/// Text of one paragraph, broken into lines.
pub(crate) fn paragraph(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| line.chars().count());
        match lines.last_mut() {
            Some(last) if line == 0 => *last += word,
            Some(last) if line + 1 + word.chars().count() <= width => {
                *last += &format!(" {word}");
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Two columns, with the second one broken into lines. If there's no space for two, the
/// second goes below the first.
pub(crate) fn table(rows: &[(String, String)], width: usize) -> String {
    let left = rows.iter().map(|(left, _)| left.chars().count()).max();
    let left = left.unwrap_or_default();
    let longest = rows.iter().map(|(_, right)| right.len()).max().unwrap_or_default();
    let room = width.saturating_sub(left + 4);
    let beside = room >= longest.min((width / 2).max(28));
    let (indent, room) = if beside { (left + 4, room) } else { (6, width - 6) };
    let mut text = String::new();
    for (first, second) in rows {
        text += &format!("  {first}");
        let mut column = if beside { first.chars().count() + 2 } else { width };
        for word in second.split(' ') {
            if column + 1 + word.len() > indent + room {
                text += "\n";
                column = 0;
            }
            if column < indent {
                text += &" ".repeat(indent - column);
                column = indent;
            } else {
                text += " ";
                column += 1;
            }
            text += word;
            column += word.len();
        }
        text += "\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_into_the_window() {
        let long =
            "what it does and why it does that and when it was last seen doing it";
        for (left, width) in [(3, 80), (30, 80), (50, 80), (70, 80), (3, 40), (30, 40)] {
            let row = |right: &str| ("x".repeat(left), right.to_owned());
            let text = table(&[row(long), row("short")], width);
            let fits = |line: &str| line.chars().count() <= width;
            assert!(text.lines().all(|line| fits(line) && line == line.trim_end()));
            let words = text.split_whitespace().filter(|word| !word.starts_with('x'));
            assert!(words.eq(long.split(' ').chain(["short"])), "{text}");
            let text = paragraph(long, width);
            assert!(text.lines().all(|line| fits(line) && line == line.trim_end()));
            assert!(text.split_whitespace().eq(long.split(' ')), "{text}");
        }
    }
}
