//! The form of a note and of an example: the ten parts, and readable sizes.

use std::path::{Path, PathBuf};

use super::files::{fence, lessons, numbered, program, read};

/// The headings of a note, in order. The first part is under the title.
const PARTS: [&str; 9] = [
    "Run it",
    "Predict",
    "Python beside Rust",
    "Walk through",
    "Picture",
    "Break it",
    "By hand",
    "Exercises",
    "You can now",
];

/// Everything that is wrong with the form of the notes and the examples.
pub(crate) fn form(root: &Path) -> Vec<String> {
    let mut complaints = Vec::new();
    let notes = numbered(&root.join("lessons"), "md");
    for (index, name) in notes.iter().enumerate() {
        let Ok(text) = read(&root.join(format!("lessons/{name}.md"))) else { continue };
        let before = index.checked_sub(1).map(|before| &notes[before]);
        let neighbours = before.into_iter().chain(notes.get(index + 1));
        let neighbours =
            neighbours.filter(|other| number(name).abs_diff(number(other)) == 1);
        complaints.extend(
            note(&text, neighbours)
                .map(|complaint| format!("lessons/{name}.md: {complaint}")),
        );
    }
    for name in &notes {
        let Ok(text) = read(&root.join(format!("lessons/{name}.md"))) else { continue };
        let unknown = named_tests(root, name, &text);
        complaints.extend(unknown.iter().map(|why| format!("lessons/{name}.md: {why}")));
    }
    for name in lessons(root) {
        let Ok(text) = read(&root.join(program(root, &name))) else { continue };
        complaints.extend(
            example(&text)
                .map(|complaint| format!("{}: {complaint}", program(root, &name))),
        );
    }
    complaints
}

/// The tests that a note names and that do not exist. A name is a word in backticks with
/// two or more underscores that isn't in the lesson's own programs.
fn named_tests(root: &Path, name: &str, text: &str) -> Vec<String> {
    let sources = [program(root, name), format!("lessons/python/{name}.py")];
    let sources = sources.iter().map(|file| root.join(file)).chain(tests(root));
    let known: String = sources.filter_map(|file| read(&file).ok()).collect();
    let is_name = |word: &&str| {
        word.matches('_').count() >= 2
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans
        .filter(is_name)
        .filter(|word| !known.contains(&format!("{word}(")))
        .map(|word| {
            format!(
                "there is no test `{word}`: write it in tests/aha, or correct the name."
            )
        })
        .collect()
}

/// The files of tests.
fn tests(root: &Path) -> impl Iterator<Item = PathBuf> {
    let dirs = ["tests/lessons", "tests/aha"].map(|dir| root.join(dir));
    let files = dirs.into_iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten();
    files.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file())
}

/// The number with which a lesson's name begins.
fn number(name: &str) -> u8 {
    name[..2].parse().unwrap_or_default()
}

/// What is wrong with a note's form.
fn note<'a>(
    text: &'a str,
    neighbours: impl Iterator<Item = &'a String>,
) -> impl Iterator<Item = String> {
    let mut complaints = Vec::new();
    let headings = text.lines().filter_map(|line| line.strip_prefix("## "));
    let headings: Vec<&str> = headings.collect();
    if headings != PARTS {
        complaints.push(format!(
            "the parts of a note are, in this order: {}. This one has: {}.",
            PARTS.join(", "),
            headings.join(", ")
        ));
    }
    for neighbour in neighbours {
        let label = format!("lesson_{}", &neighbour[..2]);
        if !text.contains(&format!("][{label}]")) {
            complaints.push(format!(
                "it doesn't lead to its neighbour: link {neighbour} with [..][{label}] \
                 under the title, and define `[{label}]: {neighbour}.md` at the end."
            ));
        }
        let end = text.split_once("\n## You can now\n").map_or("", |(_, end)| end);
        if !end.contains(&format!("][{label}]")) {
            complaints.push(format!(
                "its end doesn't lead on: link [..][{label}] below *You can now* as well, in \
                 the words under the title."
            ));
        }
    }
    for label in ["example", "python", "index"] {
        if !text.contains(&format!("][{label}]")) {
            complaints.push(format!("link [..][{label}] under the title."));
        }
    }
    let mut open = None;
    for (index, line) in text.lines().enumerate() {
        match (open, fence(line)) {
            (None, opened) => open = opened,
            (Some((ticks, _)), Some((other, _))) if other == ticks => open = None,
            _ => {}
        }
        if open.is_some_and(|(_, language)| language == "text")
            && line.chars().count() > 72
        {
            complaints.push(format!("line {}: a drawing has 72 columns.", index + 1));
        }
    }
    for unknown in ["> [!", "{{#", "```mermaid"] {
        if text.contains(unknown) {
            complaints
                .push(format!("`{unknown}` doesn't work everywhere: write it plainly."));
        }
    }
    complaints.into_iter()
}

/// What is wrong with an example's form.
fn example(text: &str) -> impl Iterator<Item = String> {
    let mut complaints = Vec::new();
    let is_code =
        |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    // You can understand a program without the tests at its end.
    let program = text.split("#[cfg(test)]").next().unwrap_or(text);
    let count = program.lines().filter(is_code).count();
    // A program without the support code has to do more by itself.
    let most = if text.contains("\nmod support;") { 80 } else { 135 };
    if count >= most {
        complaints.push(format!(
            "{count} lines of code: a lesson has fewer than {most}. Leave something out, \
             or move what isn't the lesson to examples/support."
        ));
    }
    for (index, line) in text.lines().enumerate() {
        if line.chars().count() >= 90 {
            complaints.push(format!("line {} has 90 columns or more.", index + 1));
        }
        for word in [".unwrap()", ".expect(", "todo!(", "unsafe "] {
            if line.contains(word) {
                complaints.push(format!(
                    "line {}: no `{word}` in a lesson: use `?`.",
                    index + 1
                ));
            }
        }
    }
    complaints.into_iter()
}
