//! The command itself: what it prints, how it ends, and what it leaves behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use check::{Begin, EXERCISES, Language, root, start};

/// Runs the checker with these words.
fn check(words: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_check")).args(words).output();
    output.expect("the checker runs")
}

/// Exit status, standard output, standard error.
fn told(words: &[&str]) -> (Option<i32>, String, String) {
    let output = check(words);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_list_shows_every_exercise() {
    for words in [&[][..], &["list"]] {
        let (status, list, _) = told(words);
        assert_eq!(status, Some(0), "{list}");
        for exercise in EXERCISES {
            let line = list.lines().find(|line| line.starts_with(exercise.id));
            let line =
                line.unwrap_or_else(|| panic!("{} is not in the list", exercise.id));
            assert!(line.contains(exercise.title), "{line}");
            assert_eq!(
                exercise.promises.is_empty(),
                line.ends_with("a question"),
                "{line}"
            );
        }
    }
}

#[test]
fn what_cannot_be_understood_is_answered_in_words() {
    for (words, wanted) in [
        (&["99.9"][..], "no exercise `99.9`"),
        (&["start", "99.9"], "no exercise `99.9`"),
        (&["02.1"], "02.1 is a question"),
        (&["start", "02.1"], "lessons/02_echo.md gives it"),
        (&["begin", "01.2"], "doesn't understand `begin 01.2`"),
        (&["2.1"], "02.1 is a question"),
        (&["start"], "`start` needs an exercise"),
        (&["01.2", "--"], "After `--` comes your program"),
        (&["01.2", "--python", "--", "node"], "--python is for your copy"),
        (&["--python"], "--python needs an exercise"),
        (&["--pyhton", "01.2"], "no option `--pyhton`"),
        (&["01.2", "--pyhton"], "no option `--pyhton`"),
        (&["01.2", "--", "no-such-program"], "cannot be started"),
    ] {
        let (status, _, errors) = told(words);
        assert_eq!(status, Some(2), "{words:?}: {errors}");
        assert!(errors.contains(wanted), "{words:?}: {errors}");
    }
    let (status, help, _) = told(&["--help"]);
    assert_eq!(status, Some(0));
    assert!(help.contains("-- start 09.2"), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
}

/// `cargo run -p check | head -1`, for example.
#[cfg(unix)]
#[test]
fn nobody_needs_to_read_the_list() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    let (reader, writer) = UnixStream::pair().expect("a pair");
    drop(reader);
    let mut list = Command::new(env!("CARGO_BIN_EXE_check"));
    let output = list.stdout(OwnedFd::from(writer)).output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{errors}");
}

#[cfg(unix)]
#[test]
fn a_word_that_is_not_utf_8_is_rejected() {
    use std::os::unix::ffi::OsStrExt;
    let mut check = Command::new(env!("CARGO_BIN_EXE_check"));
    let check = check.arg(std::ffi::OsStr::from_bytes(b"\xff"));
    let output = check.output().expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("is not UTF-8."), "{errors}");
}

/// A copy of what `start` copies from, and where it copies to.
struct Course(PathBuf);

impl Course {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        let course = Self(path);
        for folder in ["examples", "lessons/python"] {
            course.copy(folder);
        }
        course
    }

    fn copy(&self, folder: &str) {
        fs::create_dir_all(self.0.join(folder)).expect("a folder");
        for entry in fs::read_dir(root().join(folder)).expect("a folder") {
            let name =
                entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if name.starts_with("my_") {
                continue; // this learner's own
            }
            if root().join(&path).is_dir() {
                self.copy(&path);
            } else {
                fs::copy(root().join(&path), self.0.join(&path)).expect("a copy");
            }
        }
    }

    fn read(&self, file: &str) -> String {
        let text = fs::read_to_string(self.0.join(file));
        text.unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

#[test]
fn start_copies_the_lesson_with_the_parts_that_only_it_has() {
    let course = Course::new("start");
    for exercise in EXERCISES.iter().filter(|it| matches!(it.begin, Begin::Lesson)) {
        if course.0.join("examples").join(exercise.lesson).is_dir() {
            continue; // see the next test
        }
        let name = format!("my_{}", exercise.id.replace('.', "_"));
        assert_eq!(start(&course.0, exercise, Language::Rust), Ok(true), "{name}");
        let alone = format!("examples/{}", exercise.lesson);
        if course.0.join(&alone).is_dir() {
            let package = format!("more/{}", exercise.lesson.split_at(3).1);
            for entry in fs::read_dir(course.0.join(&alone)).expect("a folder") {
                let part = entry.expect("a part").file_name();
                let part = part.to_string_lossy().into_owned();
                let is_program = part.starts_with(exercise.lesson);
                let copy = if is_program { "main.rs" } else { part.as_str() };
                let copy = course.read(&format!("{package}/examples/{name}/{copy}"));
                let same = copy == course.read(&format!("{alone}/{part}"));
                assert_eq!(same, !is_program, "{name}: {part}");
            }
            continue;
        }
        let mine = course.read(&format!("examples/{name}.rs"));
        let lesson = course.read(&format!("examples/{}.rs", exercise.lesson));
        let allowed = "#![allow(missing_docs, ";
        assert_eq!(
            mine.lines().nth(1).map(|line| line.starts_with(allowed)),
            Some(true)
        );
        let added =
            |line: &&str| !line.starts_with(allowed) && !line.starts_with("#[path");
        let same: Vec<&str> = mine.lines().filter(added).collect();
        assert_eq!(same, lesson.lines().collect::<Vec<_>>(), "{name}");

        // (`mod tests {` has its body here: there is no file to copy.)
        let of_a_file =
            |line: &str| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned());
        for module in lesson.lines().filter_map(of_a_file) {
            let path = format!("#[path = \"{name}/{module}/mod.rs\"]");
            assert_eq!(mine.contains(&path), module != "support", "{name}: {module}");
            if module != "support" {
                let file = format!("{module}/mod.rs");
                let copy = course.read(&format!("examples/{name}/{file}"));
                assert_eq!(copy, course.read(&format!("examples/{file}")), "{name}");
            }
        }
    }
}

#[test]
fn start_copies_a_lesson_in_a_folder_into_the_package_that_builds_it() {
    let course = Course::new("folders");
    for exercise in EXERCISES.iter().filter(|it| matches!(it.begin, Begin::Lesson)) {
        let lesson = exercise.lesson;
        let from = course.0.join("examples").join(lesson);
        if !from.is_dir() || lesson == "20_tls" {
            continue; // that one has a feature: see the next test
        }
        let id = exercise.id;
        assert_eq!(start(&course.0, exercise, Language::Rust), Ok(true), "{id}");
        let (package, name) = (&lesson[3..], id.replace('.', "_"));
        let mine = format!("more/{package}/examples/my_{name}");
        for part in fs::read_dir(&from).expect("its parts") {
            let part = part.expect("a part").file_name();
            let part = part.to_string_lossy();
            let is_main = part == format!("{lesson}.rs");
            let copy = if is_main { "main.rs" } else { &*part };
            let copy = course.read(&format!("{mine}/{copy}"));
            let text = course.read(&format!("examples/{lesson}/{part}"));
            let (up, home) = ("#[path = \"../", "#[path = \"../../../../examples/");
            let text = text.replace(up, home);
            let first = |text: &str| text.lines().next().map(str::to_owned);
            assert_eq!(first(&copy), first(&text), "{part}");
            assert!(copy == text || is_main && copy.lines().count() > 10, "{part}");
            for path in copy.lines().filter_map(|line| line.strip_prefix(up)) {
                let path = path.trim_end_matches("\"]");
                let file = course.0.join(&mine).join("..").join(path);
                assert!(file.is_file(), "{part} leads to {}", file.display());
            }
        }
    }
}

#[test]
fn start_copies_a_lesson_with_a_feature_so_that_others_can_be_built_without_it() {
    let course = Course::new("feature");
    let exercise = EXERCISES.iter().find(|it| it.id == "20.2").expect("20.2");
    assert_eq!(start(&course.0, exercise, Language::Rust), Ok(true));
    let mine = "more/tls/examples/my_20_2";
    let (main, program) = (
        course.read(&format!("{mine}/main.rs")),
        course.read(&format!("{mine}/program.rs")),
    );
    assert!(
        main.contains("#[cfg(feature = \"tls\")]\ninclude!(\"program.rs\");"),
        "{main}"
    );
    assert!(main.contains("cargo run --example my_20_2 --features tls"), "{main}");
    let lesson = course.read("examples/20_tls/20_tls.rs");
    let lesson = lesson.replace("//!", "//").replace("\"../", "\"../../../../examples/");
    assert_eq!(program, lesson);
    for part in ["papers.rs", "spy.rs", "tls.rs", "upper.rs"] {
        let copy = course.read(&format!("{mine}/{part}"));
        assert_eq!(copy, course.read(&format!("examples/20_tls/{part}")), "{part}");
    }
    let why = start(&course.0, exercise, Language::Rust).expect_err("it is there");
    assert!(why.contains("my_20_2/program.rs exists already"), "{why}");
}

#[test]
fn start_puts_a_mistake_into_one_place_where_the_exercise_wants_one() {
    let course = Course::new("mistakes");
    for exercise in EXERCISES {
        let Begin::Mistake(mistake) = &exercise.begin else { continue };
        let id = exercise.id;
        assert_eq!(start(&course.0, exercise, Language::Rust), Ok(true), "{id}");
        let mine = course.read(&format!("examples/my_{}.rs", id.replace('.', "_")));
        let lesson = course.read(&format!("examples/{}.rs", exercise.lesson));
        let count =
            |text: &str| text.lines().filter(|line| line.contains(mistake.line)).count();
        assert_eq!(count(&lesson), 1, "{id}: lesson {} has changed", exercise.lesson);
        assert_eq!(count(&mine), usize::from(mistake.stays), "{id}");
        assert!(mine.contains(mistake.lines), "{id}: {mine}");
        let why =
            start(&course.0, exercise, Language::Python).expect_err("only in Rust");
        assert!(why.contains("is in the Rust program"), "{why}");
    }
}

#[test]
fn an_exercise_from_nothing_begins_with_an_empty_program() {
    let course = Course::new("empty");
    let exercise = EXERCISES.iter().find(|it| it.id == "15.3").expect("15.3");
    assert_eq!(start(&course.0, exercise, Language::Rust), Ok(true));
    let mine = course.read("examples/my_15_3.rs");
    assert!(
        mine.starts_with("//! My own.") && mine.ends_with("fn main() {}\n"),
        "{mine}"
    );
}

#[test]
fn start_never_overwrites_what_a_learner_has_written() {
    let course = Course::new("again");
    let exercise = EXERCISES.iter().find(|it| it.id == "09.2").expect("09.2");
    for language in [Language::Rust, Language::Python] {
        assert_eq!(start(&course.0, exercise, language), Ok(true));
        let file = match language {
            Language::Rust => "examples/my_09_2.rs",
            Language::Python => "lessons/python/my_09_2.py",
        };
        fs::write(course.0.join(file), "mine").expect("a file");
        let why = start(&course.0, exercise, language).expect_err("it is there");
        assert!(why.contains(&format!("{file} exists already")), "{why}");
        assert_eq!(course.read(file), "mine");
    }
}

#[test]
fn git_and_the_package_leave_a_learners_files_out() {
    let ignored = fs::read_to_string(root().join(".gitignore")).expect(".gitignore");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    for pattern in ["/examples/my_*", "/lessons/python/my_*"] {
        assert!(ignored.lines().any(|line| line == pattern), "{pattern}");
        assert!(manifest.contains(&format!("\"!{pattern}\"")), "{pattern}");
    }
}
