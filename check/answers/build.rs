//! Makes a module of each answer, and a list of all.
//!
//! Most wrong answers are the right one with a few lines changed, so only these lines are
//! kept: `ex_20_2_wrong.diff` says what to change in `ex_20_2_right.rs`. In it, a line with
//! `==` begins an answer: its name, and the promise that it breaks. The changes follow, with
//! a blank line between them. As in a patch, `-` marks a line that goes, `+` one that comes,
//! and a space one that stays. What goes and what stays must be found exactly once.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

struct Answer {
    /// The module's name.
    name: String,
    /// The first line.
    head: String,
    file: PathBuf,
}

fn main() {
    println!("cargo::rerun-if-changed=.");
    let here = env::current_dir().expect("the package's folder");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    let mut answers = Vec::new();
    for entry in fs::read_dir(here).expect("the package's folder") {
        let path = entry.expect("an entry").path();
        let Some((stem, extension)) = parts(&path) else { continue };
        match extension {
            "rs" => answers.push(Answer::new(stem, &read(&path), path.clone())),
            "diff" => answers.extend(wrong_answers(stem, &read(&path), &out)),
            _ => {} // an answer in Python
        }
    }
    answers.sort_by(|one, other| one.name.cmp(&other.name));
    let mut list = String::new();
    for Answer { name, file, .. } in &answers {
        let _ = writeln!(list, "#[path = {file:?}]\nmod {name};");
    }
    list.push_str("const ANSWERS: &[Answer] = &[\n");
    for Answer { name, head, .. } in &answers {
        let _ = writeln!(list, "    ({name:?}, {head:?}, {name}::main),");
    }
    list.push_str("];\n");
    fs::write(out.join("list.rs"), list).expect("a file in Cargo's folder");
}

impl Answer {
    fn new(name: &str, text: &str, file: PathBuf) -> Self {
        let head = text.lines().next().unwrap_or_default();
        let head = head.trim_start_matches("//! ").to_owned();
        Self { name: name.to_owned(), head, file }
    }
}

fn read(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    text.replace("\r\n", "\n")
}

/// The name of an answer's file, and its extension.
fn parts(path: &Path) -> Option<(&str, &str)> {
    let (stem, extension) = path.file_name()?.to_str()?.rsplit_once('.')?;
    stem.starts_with("ex_").then_some((stem, extension))
}

/// The answers of `ex_20_2_wrong.diff`.
fn wrong_answers(stem: &str, changes: &str, out: &Path) -> Vec<Answer> {
    let right =
        read(Path::new(&format!("{}_right.rs", stem.trim_end_matches("_wrong"))));
    let mut answers = Vec::new();
    for answer in format!("\n{changes}").split("\n== ").skip(1) {
        let (head, changes) = answer.split_once('\n').expect("changes after the head");
        let (name, promise) = head.split_once(": ").expect("a name and a promise");
        let name = format!("{stem}_{name}");
        let head = format!("//! WRONG: {promise}\n");
        let mut text = right.replacen("//! RIGHT\n", &head, 1);
        for change in changes.trim_end().split("\n\n") {
            let (old, new) = (side(change, '-'), side(change, '+'));
            let count = text.matches(&old).count();
            assert!(count == 1, "{name}: found {count} times, not once:\n{old}");
            text = text.replacen(&old, &new, 1);
        }
        let file = out.join(format!("{name}.rs"));
        fs::write(&file, &text).expect("a file in Cargo's folder");
        answers.push(Answer::new(&name, &text, file));
    }
    answers
}

/// The lines of a change that stay, and those that it marks like this.
fn side(change: &str, mark: char) -> String {
    let lines = change.lines().filter(|line| line.starts_with([' ', mark]));
    lines.fold("\n".to_owned(), |text, line| text + &line[1..] + "\n")
}
