//! Habits of translated English that a search can find, and what to write instead. They are
//! a small part of CONTRIBUTING's ten rules; the others need an ear.

use std::fs;
use std::path::Path;

use super::files::{fence, read, short};

/// Words to avoid, and what to write instead. A search of the whole project found each of
/// them only where it read as translated. Add nothing that is sometimes good English.
const HABITS: &[(&str, &str)] = &[
    ("for ever", "forever, or: without a limit"),
    ("in the place of", "instead of; or: replace X with Y"),
    ("also when", "even when"),
    ("also if", "even if"),
    ("seldom", "rarely"),
    ("shall", "should, will or must"),
    ("anew", "again"),
    ("at the most.", "at most"),
    ("at the most,", "at most"),
    ("in silence", "silently"),
    ("a sister", "a sibling"),
    ("some ten", "about ten"),
    ("to be had", "available; or: there is none left"),
    ("hear of", "is notified of, learns of or notices"),
    ("hears of", "is notified of, learns of or notices"),
    ("come to an end", "end or finish"),
    ("comes to an end", "ends or finishes"),
    ("turn away", "reject"),
    ("turns away", "rejects"),
    ("turned away", "rejected"),
    ("send away", "disconnect"),
    ("sends away", "disconnects"),
    ("sent away", "disconnected"),
    ("sent home", "asked to exit; or: disconnected"),
    ("is let in", "is accepted"),
    ("are let in", "are accepted"),
    ("of no use", "doesn't help, or isn't needed"),
    ("is none at all", "say what it means: turns the limit off, never happens"),
    ("nobody anything", "name who isn't affected: the other clients lose nothing"),
    ("course material", "a common mistake; or: you'll often read that"),
    ("is no text", "isn't text; or: isn't valid UTF-8"),
    ("are no text", "aren't text; or: aren't valid UTF-8"),
    ("is no error", "isn't an error"),
    ("is no failure", "isn't a failure"),
    ("is no number", "isn't a number"),
    ("is no lesson", "isn't a lesson"),
    ("stands in", "is in"),
    ("stand in", "are in"),
    ("stands on", "is on"),
    ("stand on", "are on"),
    ("stands behind", "comes after"),
    ("stands before", "comes before"),
    ("stands after", "comes after"),
    ("stands above", "is above"),
    ("stands below", "is below"),
    ("stands beside", "is beside"),
];

/// The files that aren't clean yet, by the beginnings of their names. Remove what you have
/// cleaned, and add nothing.
const NOT_YET: &[&str] = &[];

/// This file has to name the habits.
const OWN: &str = "tests/course/english.rs";

/// All habits found in what people read: pages, comments, messages and the names of tests.
pub(crate) fn english(root: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    for page in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        look_at(root, &root.join(page), &mut complaints);
    }
    for folder in ["benches", "check", "examples", "lessons", "more", "src", "tests"] {
        look_into(root, &root.join(folder), &mut complaints);
    }
    complaints
}

/// Looks at all files in a folder. (The published package doesn't have all folders.)
fn look_into(root: &Path, folder: &Path, complaints: &mut Vec<String>) {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_file() {
            look_at(root, &path, complaints);
        } else if !path.ends_with("target") {
            look_into(root, &path, complaints);
        }
    }
}

/// Looks at one file, unless it isn't text.
fn look_at(root: &Path, path: &Path, complaints: &mut Vec<String>) {
    let name = short(path, root).replace('\\', "/");
    let is_learners = name.contains("/my_");
    if name == OWN || is_learners || NOT_YET.iter().any(|part| name.starts_with(part)) {
        return;
    }
    if let Ok(text) = read(path) {
        complaints.extend(habits(&name, &text));
    }
}

/// The habits in one file: a page, or a program in Rust or Python.
fn habits(name: &str, text: &str) -> Vec<String> {
    let is_page = name.ends_with(".md");
    let prose = match name.rsplit_once('.') {
        Some((_, "md")) => page_prose(text),
        Some((_, "rs")) => code_prose(text, "//"),
        Some((_, "py")) => code_prose(text, "#"),
        _ => return Vec::new(),
    };
    let mut found: Vec<(usize, String)> =
        prose.iter().flat_map(|paragraph| paragraph.habits(is_page)).collect();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if ["fn who_", "fn whoever_"].iter().any(|begin| line.starts_with(begin)) {
            let why =
                "begin the name of a test with the one who acts: `a_client_that_..`";
            found.push((index + 1, why.to_owned()));
        }
    }
    found.into_iter().map(|(line, why)| format!("{name}:{line}: {why}")).collect()
}

/// Some prose, with a space between its lines.
#[derive(Default)]
struct Paragraph {
    text: String,
    /// Whether it's code, with a message in it perhaps.
    is_code: bool,
    /// Where each line begins in the text, and its number.
    lines: Vec<(usize, usize)>,
}

impl Paragraph {
    fn push(&mut self, number: usize, words: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.lines.push((self.text.len(), number));
        self.text += &words.split_whitespace().collect::<Vec<_>>().join(" ");
    }

    fn line(&self, place: usize) -> usize {
        let line = self.lines.iter().rfind(|(begin, _)| *begin <= place);
        line.map_or(0, |(_, number)| *number)
    }

    /// Each habit, with the number of its line and what to write instead.
    fn habits(&self, is_page: bool) -> impl Iterator<Item = (usize, String)> {
        let text = self.text.to_ascii_lowercase();
        let is_letter =
            |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let mut found = Vec::new();
        for (habit, instead) in HABITS {
            for (place, _) in text.match_indices(habit) {
                let after = text[place + habit.len()..].chars().next();
                if !is_letter(text[..place].chars().next_back()) && !is_letter(after) {
                    let words = format!("`{habit}`. Write instead: {instead}.");
                    found.push((self.line(place), words));
                }
            }
        }
        let prose = if self.is_code { "" } else { &self.text };
        for (place, begin) in subjects(prose, is_page) {
            let words = format!(
                "`{begin} ..` as a subject looks like a question. Name the one who acts: A \
                 client that .., A thread that .., If you .."
            );
            found.push((self.line(place), words));
        }
        found.into_iter()
    }
}

/// Sentences that begin with `Who` or `Whoever` and don't end as a question. A comment can
/// begin with one: *Who a client is.*
fn subjects(text: &str, is_page: bool) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for word in ["Whoever", "Who"] {
        for (place, _) in text.match_indices(&format!("{word} ")) {
            let before = text[..place].trim_end_matches(['*', '(', ' ']);
            let begins =
                before.is_empty() || before.ends_with(['.', '?', '!', ':', ')', '|']);
            let is_first = before.is_empty() && !is_page && word == "Who";
            let rest = &text[place..];
            let end = rest.find(['.', '?', '!']).map_or("", |end| &rest[end..=end]);
            if begins && !is_first && end == "." {
                found.push((place, word));
            }
        }
    }
    found
}

/// The paragraphs of a page, without its code.
fn page_prose(text: &str) -> Vec<Paragraph> {
    let mut all = vec![Paragraph::default()];
    let mut open: Option<(&str, &str)> = None;
    let has_rules = text.contains("\n## Plain English\n"); // CONTRIBUTING shows the habits
    for (index, line) in text.lines().enumerate() {
        match (open, fence(line)) {
            (None, opened @ Some(_)) => open = opened,
            (Some((ticks, _)), Some((other, _))) if ticks == other => open = None,
            (Some(_), _) => {}
            (None, None) if has_rules && line.starts_with('|') => {}
            (None, None) => {
                let is_new = line.trim().is_empty()
                    || line.trim_start().starts_with(['|', '#', '-', '<']);
                if is_new {
                    all.push(Paragraph::default());
                }
                // Code between backticks isn't prose.
                let words = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
                if let Some(paragraph) = all.last_mut() {
                    paragraph.push(index + 1, &words);
                }
            }
        }
    }
    all
}

/// A program in paragraphs: the comments, and the code with its messages. (A message can go
/// on in the next line.)
fn code_prose(text: &str, mark: &str) -> Vec<Paragraph> {
    let mut all = vec![Paragraph::default()];
    for (index, line) in text.lines().enumerate() {
        let comment = line.trim_start().strip_prefix(mark);
        let is_code = comment.is_none();
        let words = comment.map_or(line, |words| words.trim_start_matches(['/', '!']));
        if words.trim().is_empty()
            || all.last().is_none_or(|last| last.is_code != is_code)
        {
            all.push(Paragraph { is_code, ..Paragraph::default() });
        }
        if let Some(paragraph) = all.last_mut() {
            paragraph.push(index + 1, words.trim_end_matches('\\'));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::habits;

    #[test]
    fn translated_english_is_noticed() {
        let (page, code) = ("lessons/98_new.md", "examples/98_new.rs");
        for (name, text, line, words) in [
            (page, "It waits\nfor\never.\n", 2, "`for ever`. Write instead: forever"),
            (page, "It ends. Who waits\nis woken.\n", 1, "`Who ..` as a subject"),
            (page, "1. **Whoever waits** is woken.\n", 1, "Name the one who acts"),
            (page, "| rule |\n|---|\n| It is no text. |\n", 3, "isn't text"),
            (page, "## For ever\n", 1, "forever"),
            ("CONTRIBUTING.md", "| a | for ever | b |\n", 1, "forever"),
            (code, "/// It waits for\n/// ever.\nfn f() {}\n", 1, "forever"),
            (code, "fn f() {\n    g(\"for \\\n    ever\")\n}\n", 2, "forever"),
            (code, "// It ends. Who waits is woken.\n", 1, "A thread that"),
            (code, "/// Whoever waits is woken.\n", 1, "A thread that"),
            (code, "/// It ends. Whoever waits: it is woken.\n", 1, "A thread that"),
            (page, "| a | Who waits is woken. |\n", 1, "A thread that"),
            (code, "    fn who_waits_is_woken() {}\n", 1, "the name of a test"),
            ("lessons/python/98_new.py", "# It is\n# let in.\n", 1, "accepted"),
        ] {
            let found = habits(name, text);
            let begin = format!("{name}:{line}: ");
            assert!(
                found.len() == 1
                    && found[0].starts_with(&begin)
                    && found[0].contains(words),
                "{text:?} at {begin}{words}: {found:?}"
            );
        }
    }

    #[test]
    fn good_english_is_left_alone() {
        let page = "Who waits? A thread in `for ever`. Ask who waits. It forevermore \
                    stands for all.\n\n```text\nIt waits for ever.\n```\n";
        let rules = "## Rules\n\n## Plain English\n\n| 1 | for ever | forever |\n";
        let code = "/// Who a client is.\nfn forever() { f(\"\"); Who => 1. }\n";
        for (name, text) in
            [("a.md", page), ("a.md", rules), ("a.rs", code), ("a.svg", page)]
        {
            assert_eq!(habits(name, text), [""; 0], "{name}");
        }
    }
}
