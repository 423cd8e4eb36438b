//! The files of the course, and whether each lesson is complete.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use super::programs::announce;

/// This project's root. A test of a package in `more` is two folders below.
pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")); // may be one of those in `more`
    let has_lessons = |dir: &&Path| dir.join("lessons").is_dir();
    package.ancestors().find(has_lessons).unwrap_or(package).to_owned()
}

/// The names of all files `NN_name.ext` in `dir`, without the extension, sorted.
pub(crate) fn numbered(dir: &Path, ext: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(&format!(".{ext}")).map(str::to_owned))
        .filter(|name| is_numbered(name))
        .collect();
    names.sort();
    names
}

/// The names of all lessons that have an example.
pub(crate) fn lessons(root: &Path) -> Vec<String> {
    let examples = root.join("examples");
    let mut lessons = numbered(&examples, "rs");
    let entries = fs::read_dir(&examples).into_iter().flatten();
    lessons.extend(
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| is_numbered(name) && examples.join(name).is_dir()),
    );
    lessons.sort();
    lessons
}

/// The file of a lesson's program, from the root. A lesson that needs more crates than
/// the library has its own folder, and a package in `more` builds it.
pub(crate) fn program(root: &Path, name: &str) -> String {
    if root.join("examples").join(name).is_dir() {
        format!("examples/{name}/{name}.rs")
    } else {
        format!("examples/{name}.rs")
    }
}

/// The lessons whose programs can be built here. (The published package has no `more`,
/// and lesson 20 needs the feature with which these tests are built.)
pub(crate) fn buildable(root: &Path) -> Vec<String> {
    let mut lessons = lessons(root);
    lessons.retain(|name| {
        let package = root.join("more").join(name.split_at(3).1);
        !root.join("examples").join(name).is_dir() || package.is_dir()
    });
    let count = lessons.len();
    lessons.retain(|name| cfg!(feature = "tls") || needs(name).is_empty());
    static SAID: Once = Once::new();
    if lessons.len() < count {
        SAID.call_once(|| {
            announce("SKIPPED: lesson 20 is tested by cargo test --features tls");
        });
    }
    lessons
}

/// What `cargo run` needs for a lesson besides its name.
pub(crate) fn needs(name: &str) -> &'static [&'static str] {
    if name == "20_tls" { &["--features", "tls"] } else { &[] }
}

/// The lessons whose program uses `examples/support`: all but those that lead out of
/// this folder.
pub(crate) fn with_support(root: &Path) -> Vec<String> {
    let mut lessons = buildable(root);
    lessons.retain(|name| {
        read(&root.join(program(root, name)))
            .is_ok_and(|text| text.contains("\nmod support;"))
    });
    lessons
}

/// The pages that students read: the notes, their index, and the pages around them.
pub(crate) fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root.join("lessons"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
        .collect();
    pages.extend(["README.md", "CONTRIBUTING.md"].map(|page| root.join(page)));
    pages.retain(|page| page.exists());
    pages.sort();
    pages
}

/// A file's text, with the line ends of Unix.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path)
        .map(|text| text.replace("\r\n", "\n"))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The backticks (three or more) that open a fence on this line, and the words after
/// them. A line that begins with the same backticks closes it.
pub(crate) fn fence(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let count = line.bytes().take_while(|byte| *byte == b'`').count();
    (count >= 3).then(|| line.split_at(count))
}

/// `path` as a reader of this project calls it.
pub(crate) fn short<'a>(path: &'a Path, root: &Path) -> std::borrow::Cow<'a, str> {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy()
}

/// Whether `name` begins like a lesson's name: with two digits and an underscore.
fn is_numbered(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.len() > 3 && bytes[..2].iter().all(u8::is_ascii_digit) && bytes[2] == b'_'
}

/// Every lesson has an example, a note, a Python version, a line in each index and a
/// page on the documentation site. Nothing else does.
pub(crate) fn completeness(root: &Path) -> Vec<String> {
    let mut all = lessons(root);
    all.extend(numbered(&root.join("lessons"), "md"));
    all.extend(numbered(&root.join("lessons/python"), "py"));
    all.sort();
    all.dedup();

    let mut complaints = Vec::new();
    for name in &all {
        let number = &name[..2];
        for file in [
            program(root, name),
            format!("lessons/{name}.md"),
            format!("lessons/python/{name}.py"),
        ] {
            if !root.join(&file).exists() {
                complaints.push(format!(
                    "{file} is missing: a lesson is an example, a note and a Python \
                     version. Write it, or rename what has the number {number}."
                ));
            }
        }
        for (index, wanted) in [
            ("lessons/README.md", format!("[lesson_{number}]: {name}.md")),
            ("lessons/README.md", format!("][lesson_{number}] |")),
            ("README.md", format!("lessons/{name}.md")),
            ("src/pages/lessons.rs", format!("lesson_{number} \"{name}\"")),
            (
                "src/pages/labels.md",
                format!("[lesson_{number}]: crate::lessons::lesson_{number}\n"),
            ),
        ] {
            // The front page might not exist yet; the others always do.
            let Ok(text) = read(&root.join(index)) else {
                if index != "README.md" {
                    complaints.push(format!("{index} is missing: write it."));
                }
                continue;
            };
            if !text.contains(&wanted) {
                complaints.push(format!(
                    "{index} doesn't name lesson {name}: add it there, with `{wanted}`."
                ));
            }
        }
    }
    complaints.extend(rows(root));
    complaints.extend(prerequisites(root));
    complaints
}

/// The front page and the index name the same requirements.
fn prerequisites(root: &Path) -> Option<String> {
    let needed = |page: &str| -> Option<String> {
        let text = read(&root.join(page)).ok()?;
        let is_it = |part: &&str| part.starts_with("You need a terminal and some Rust");
        Some(text.split("\n\n").find(is_it)?.to_owned())
    };
    let (front, index) = (needed("README.md"), needed("lessons/README.md"));
    (root.join("README.md").exists() && (front.is_none() || front != index)).then(|| {
        "README.md and lessons/README.md need the same paragraph `You need a terminal and \
         Rust ..`."
            .to_owned()
    })
}

/// The numbers that `lessons/teachers.md` gives are the sums of the index's minutes.
pub(crate) fn hours(root: &Path) -> Vec<String> {
    let text = |page: &str| read(&root.join(page)).unwrap_or_default();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let minutes: BTreeMap<String, u32> = text("lessons/README.md")
        .lines()
        .filter(|line| line.contains("][lesson_"))
        .filter_map(|line| {
            let number = line.split_once("][lesson_")?.1.get(..2)?.to_owned();
            let minutes =
                cells(line).iter().skip(1).find_map(|cell| cell.parse().ok())?;
            Some((number, minutes))
        })
        .collect();
    let page = text("lessons/teachers.md");
    let mut complaints = Vec::new();
    let all = format!("**{} minutes**", minutes.values().sum::<u32>());
    if !page.contains(&all) {
        complaints
            .push(format!("lessons/teachers.md doesn't say {all}, the sum of all."));
    }
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells = cells(line);
        let [.., lessons, said] = &cells[..] else { continue };
        let sum: Option<u32> =
            lessons.split(' ').map(|number| minutes.get(number)).sum();
        if sum.is_some_and(|sum| sum.to_string() != *said) {
            complaints.push(format!(
                "lessons/teachers.md: {lessons} take {} minutes, not {said}.",
                sum.unwrap_or_default()
            ));
        }
    }
    complaints
}

/// Each row of the index in `lessons/README.md` has all of its cells.
fn rows(root: &Path) -> Vec<String> {
    let text = read(&root.join("lessons/README.md")).unwrap_or_default();
    let row = |line: &str| line.starts_with("| [") && line.contains("][lesson_");
    let complete = |line: &str| {
        let cells: Vec<&str> =
            line.trim_matches('|').split('|').map(str::trim).collect();
        let minutes = cells.get(2).is_some_and(|cell| cell.parse::<u32>().is_ok());
        cells.len() == 4 && minutes && cells.iter().all(|cell| !cell.is_empty())
    };
    text.lines()
        .filter(|line| row(line) && !complete(line))
        .map(|line| {
            format!(
                "lessons/README.md: a row needs the lesson, its goal, minutes (a number) and \
                 what to know before. Complete this one:\n  {line}"
            )
        })
        .collect()
}
