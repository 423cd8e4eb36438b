//! Where a solution goes, how a learner begins, and how far a learner has got.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{Begin, EXERCISES, Exercise, Report};

/// The project's own rules, which a learner needn't follow.
const ALLOWED: &str = "#![allow(missing_docs, unreachable_pub, unused_qualifications)]";

/// How an empty program begins.
const EMPTY: &str = "//! My own.\n";

/// Where the verdicts are saved.
const PROGRESS: &str = "examples/my_progress.txt";

/// The language of a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// An example, which Cargo finds by itself.
    Rust,
    /// A program for Python 3.
    Python,
}

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The name of a learner's example.
pub(crate) fn my_name(exercise: &Exercise) -> String {
    format!("my_{}", exercise.id.replace('.', "_"))
}

/// The file in which a learner works on an exercise.
pub(crate) fn my_file(exercise: &Exercise, language: Language) -> String {
    let name = my_name(exercise);
    match (language, more(exercise)) {
        (Language::Rust, None) => format!("examples/{name}.rs"),
        (Language::Rust, Some(package)) if features(exercise).is_empty() => {
            format!("{package}/examples/{name}/main.rs")
        }
        (Language::Rust, Some(package)) => {
            format!("{package}/examples/{name}/program.rs")
        }
        (Language::Python, _) => format!("lessons/python/{name}.py"),
    }
}

/// The package that builds a lesson which needs more crates than the library does. Such a
/// lesson is in its own folder.
fn more(exercise: &Exercise) -> Option<String> {
    let is_alone = root().join("examples").join(exercise.lesson).is_dir();
    is_alone.then(|| format!("more/{}", exercise.lesson.split_at(3).1))
}

/// What Cargo needs to build a lesson, besides its name.
pub(crate) fn features(exercise: &Exercise) -> &'static [&'static str] {
    if exercise.lesson == "20_tls" { &["--features", "tls"] } else { &[] }
}

/// The `main.rs` of a program that can be built with its feature only. Without it, another
/// `cargo test` or `cargo build` must not fail because of it.
fn with_feature(exercise: &Exercise) -> String {
    let run = format!("{} {}", my_name(exercise), features(exercise).join(" "));
    format!(
        "//! Builds what is in `program.rs`: that is where you work.\n{ALLOWED}\n\n\
         #[cfg(feature = \"tls\")]\ninclude!(\"program.rs\");\n\n\
         #[cfg(not(feature = \"tls\"))]\nfn main() {{\n    \
         eprintln!(\"This runs it: cargo run --example {run}\");\n}}\n"
    )
}

/// A program as `include!` takes it, without what may stand at the top of a file only.
fn included(text: &str) -> String {
    text.replace(&format!("{ALLOWED}\n"), "").replace("//!", "//")
}

/// Copies the lesson's program, for the learner to change. `root` is the repository's
/// root.
///
/// # Errors
///
/// There's already a copy, or copying failed.
pub fn start(
    root: &Path,
    exercise: &Exercise,
    language: Language,
) -> Result<bool, String> {
    let (mine, id) = (my_file(exercise, language), exercise.id);
    if root.join(&mine).exists() {
        return Err(format!(
            "{mine} exists already, and stays unchanged.\nTo begin again, delete it or give \
             it another name."
        ));
    }
    let lesson = exercise.lesson;
    let from = match (language, more(exercise)) {
        (Language::Rust, None) => format!("examples/{lesson}.rs"),
        (Language::Rust, Some(_)) => format!("examples/{lesson}/{lesson}.rs"),
        (Language::Python, _) => format!("lessons/python/{lesson}.py"),
    };
    let text = match (&exercise.begin, language) {
        (Begin::Empty, Language::Rust) => {
            Ok(format!("{EMPTY}{ALLOWED}\n\nfn main() {{}}\n"))
        }
        (Begin::Empty, Language::Python) => Ok(String::new()),
        (Begin::Mistake(_), Language::Python) => {
            return Err(format!(
                "The mistake of {id} is in the Rust program, so there is nothing to fix in {from}."
            ));
        }
        (_, Language::Python) => fs::read_to_string(root.join(&from)),
        (_, Language::Rust) => fs::read_to_string(root.join(&from)).and_then(|text| {
            with_modules(root, &with_mistake(&text, exercise), exercise)
        }),
    };
    let folder = root.join(&mine).parent().map(Path::to_owned).unwrap_or_default();
    let copied = text.and_then(|text| {
        fs::create_dir_all(&folder)?;
        if language == Language::Rust && !features(exercise).is_empty() {
            fs::write(folder.join("main.rs"), with_feature(exercise))?;
            return fs::write(root.join(&mine), included(&text));
        }
        fs::write(root.join(&mine), text)
    });
    copied.map_err(|error| format!("{mine} could not be made from {from}: {error}."))?;

    let (run, flag) = match language {
        Language::Rust => {
            let words = ["cargo run --example", &my_name(exercise)];
            ([&words[..], features(exercise)].concat().join(" "), "")
        }
        Language::Python => (format!("python3 {mine}"), " --python"),
    };
    match exercise.begin {
        Begin::Lesson => show!("{mine} is yours to change: a copy of {from}."),
        Begin::Mistake(_) => {
            show!("{mine} is yours to fix: a copy of {from}, with a mistake in it.");
        }
        Begin::Empty => show!("{mine} is yours, and empty."),
    }
    let parts = format!("examples/{}", my_name(exercise));
    let parts =
        more(exercise).map_or(parts.clone(), |package| format!("{package}/{parts}"));
    if language == Language::Rust && root.join(&parts).exists() {
        show!("Its parts are in {parts}: change those, too.");
    }
    show!("  what to do    {}, exercise {}", exercise.note(), exercise.number());
    show!("  run it        {run}");
    show!("  is it right?  cargo run -p check -- {id}{flag}");
    Ok(true)
}

/// A lesson's program, with a mistake in it if the exercise asks for one.
fn with_mistake(text: &str, exercise: &Exercise) -> String {
    let Begin::Mistake(mistake) = &exercise.begin else { return text.to_owned() };
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        if !line.contains(mistake.line) {
            lines.push(line);
            continue;
        }
        lines.extend(mistake.stays.then_some(line));
        lines.extend(mistake.lines.lines());
    }
    lines.join("\n") + "\n"
}

/// A lesson's program with copies of the parts that only this lesson has, so that the
/// learner doesn't change the course itself.
fn with_modules(root: &Path, text: &str, exercise: &Exercise) -> io::Result<String> {
    let examples = root.join("examples");
    let mine = my_name(exercise);
    if let Some(package) = more(exercise) {
        // Its own parts are in its folder, and the shared ones are one folder up.
        let mine = root.join(package).join("examples").join(&mine);
        copy(&examples.join(exercise.lesson), &mine)?;
        fs::remove_file(mine.join(format!("{}.rs", exercise.lesson)))?; // becomes `main.rs`
        for part in fs::read_dir(&mine)? {
            let part = part?.path();
            if part.extension().is_some_and(|it| it == "rs") {
                fs::write(&part, with_paths(&fs::read_to_string(&part)?))?;
            }
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if !line.starts_with("//!")
            && lines.last().is_some_and(|last| last.starts_with("//!"))
        {
            lines.push(ALLOWED.to_owned());
        }
        let module = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        let module =
            module.filter(|name| *name != "support" && more(exercise).is_none());
        if let Some(module) = module.filter(|name| examples.join(name).is_dir()) {
            copy(&examples.join(module), &examples.join(&mine).join(module))?;
            let data = format!("{}.txt", exercise.lesson); // it's one folder up
            if examples.join(&data).exists() {
                fs::copy(examples.join(&data), examples.join(&mine).join(&data))?;
            }
            lines.push(format!("#[path = \"{mine}/{module}/mod.rs\"]"));
        }
        lines.push(line.to_owned());
    }
    Ok(with_paths(&(lines.join("\n") + "\n")))
}

/// The text with the paths that lead from a folder in `more` to what the lessons share.
fn with_paths(text: &str) -> String {
    text.replace("#[path = \"../", "#[path = \"../../../../examples/")
}

/// Copies a folder of files.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Lists every exercise, and how far the learner has got.
///
/// # Errors
///
/// Never; but its type is that of the other commands.
pub fn list(root: &Path) -> Result<bool, String> {
    let verdicts = verdicts(root);
    for exercise in EXERCISES {
        let languages = [Language::Rust, Language::Python];
        let has_begun =
            languages.iter().any(|it| root.join(my_file(exercise, *it)).exists());
        let state = match verdicts.get(exercise.id) {
            _ if exercise.promises.is_empty() => "a question",
            Some(verdict) => verdict,
            None if has_begun => "started",
            None => "",
        };
        let line = format!("{}  {:44} {state}", exercise.id, exercise.title);
        show!("{}", line.trim_end());
    }
    show!("\nBegin one: cargo run -p check -- start 01.2");
    Ok(true)
}

/// The verdicts so far, by exercise.
fn verdicts(root: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(root.join(PROGRESS)).unwrap_or_default();
    let entry =
        |line: &str| line.split_once(' ').map(|(id, it)| (id.to_owned(), it.to_owned()));
    text.lines().filter_map(entry).collect()
}

/// Saves a verdict for the list. If that fails, the list doesn't show it.
pub fn note_down(root: &Path, exercise: &Exercise, report: &Report) {
    let mut verdicts = verdicts(root);
    verdicts.insert(exercise.id.to_owned(), report.verdict());
    let lines = verdicts.iter().map(|(id, verdict)| format!("{id} {verdict}\n"));
    let _ = fs::write(root.join(PROGRESS), lines.collect::<String>());
}
