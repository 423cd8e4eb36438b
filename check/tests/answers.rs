//! The checker is right about right answers, and about wrong ones for the right reason;
//! each exercise is in its note, and each of a note's exercises is known to the checker.
//!
//! `ROUNDS=10 cargo test -p check` judges each answer ten times, `ONLY=09.2` those of one
//! exercise, and `TIMES=1` (with `-- --nocapture`) says how long each one took.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;
use std::{env, io};

use check::{Begin, EXERCISES, Exercise, Program, Report, root, run};

/// How many programs are judged at once. They wait most of the time.
const AT_ONCE: usize = 24;

/// The answers with this extension.
fn answers(extension: &str) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(root().join("check/answers")).expect("a folder of answers");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an answer").path())
        .filter(|path| name(path).starts_with("ex_"))
        .filter(|path| path.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files.reverse(); // the longest ones first
    files
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// The exercise that `ex_09_2_right.rs` answers.
fn exercise_of(path: &Path) -> &'static Exercise {
    let name = name(path);
    let of =
        |it: &&Exercise| name.starts_with(&format!("ex_{}_", it.id.replace('.', "_")));
    EXERCISES.iter().find(of).unwrap_or_else(|| panic!("{name} answers no exercise"))
}

/// The promise that an answer says it breaks; `None` if it says that it is right.
fn promise_broken(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).expect("an answer");
    let line = text.lines().next().unwrap_or_default();
    let line = line.trim_start_matches(['/', '!', '#', ' ']);
    match line.split_once("WRONG: ") {
        Some((_, promise)) => Some(promise.to_owned()),
        None if line == "RIGHT" => None,
        None => {
            panic!("{}: the first line says neither RIGHT nor WRONG", path.display())
        }
    }
}

/// What is wrong with the judgement of one answer.
fn complaint(path: &Path, program: &Program) -> Option<String> {
    let name = name(path);
    let begin = Instant::now();
    let report = run(exercise_of(path), program, |_| {});
    if env::var("TIMES").is_ok() {
        println!("{:6.1} s  {name}", begin.elapsed().as_secs_f64());
    }
    let report: Report = match report {
        Ok(report) => report,
        Err(why) => return Some(format!("{name}: no verdict: {why}")),
    };
    let broken = report.broken().map(|(promise, _)| promise.to_owned());
    let wanted = promise_broken(path);
    if broken != wanted {
        return Some(format!(
            "{name} breaks {wanted:?}, the checker says {broken:?}:\n{report}"
        ));
    }
    let unhelpful = report.broken().is_some_and(|(_, broken)| !broken.is_helpful());
    unhelpful.then(|| format!("{name}: too little to help:\n{report}"))
}

/// Does all of this work, some of it at once, and collects the complaints.
fn complaints<T: Sync>(
    work: &[T],
    judge: impl Fn(&T) -> Option<String> + Sync,
) -> Vec<String> {
    let (next, found) = (Mutex::new(0..work.len()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let turn = || next.lock().expect("a turn").next();
                while let Some(index) = turn() {
                    let complaint = judge(&work[index]); // before the lock is taken
                    found.lock().expect("the complaints").extend(complaint);
                }
            });
        }
    });
    found.into_inner().expect("the complaints")
}

fn nothing_to_complain(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n\n{}\n", complaints.join("\n\n"));
}

/// Only the answers of one exercise, where `ONLY=09.2` asks for that.
fn wanted(path: &Path) -> bool {
    env::var("ONLY").map_or(true, |id| exercise_of(path).id == id)
}

fn rounds() -> usize {
    env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

fn cargo(args: &[&str]) {
    let cargo = env::var("CARGO").unwrap_or("cargo".to_owned());
    let status = Command::new(cargo).args(args).current_dir(root()).status();
    assert!(status.expect("cargo").success(), "cargo {args:?}");
}

/// The folder in which Cargo puts examples.
fn examples() -> PathBuf {
    let test = env::current_exe().expect("this test");
    test.ancestors().nth(2).expect("target/debug").join("examples")
}

#[test]
fn every_answer_is_judged_as_its_first_line_says() {
    cargo(&["build", "--quiet", "-p", "check", "--example", "answers"]);
    let program = examples().join("answers").to_string_lossy().into_owned();
    let answers: Vec<PathBuf> =
        answers("rs").into_iter().filter(|path| wanted(path)).collect();
    for _ in 0..rounds() {
        nothing_to_complain(&complaints(&answers, |path| {
            complaint(path, &Program::command(vec![program.clone(), name(path)]))
        }));
    }
}

#[test]
fn every_answer_in_python_is_judged_as_its_first_line_says() {
    let python = if cfg!(windows) { "python" } else { "python3" };
    let is_there = Command::new(python).arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: there is no Python");
        return;
    }
    let answers: Vec<PathBuf> =
        answers("py").into_iter().filter(|path| wanted(path)).collect();
    for _ in 0..rounds() {
        nothing_to_complain(&complaints(&answers, |path| {
            let file = path.to_string_lossy().into_owned();
            complaint(path, &Program::command(vec![python.to_owned(), file]))
        }));
    }
}

#[test]
fn no_exercise_is_solved_before_it_is_begun() {
    cargo(&["build", "--quiet", "--examples"]);
    // Where a learner begins with a mistake, an answer `as_it_begins` has the same one.
    let begins = |it: &&Exercise| matches!(it.begin, Begin::Lesson);
    let judged: Vec<&Exercise> = EXERCISES.iter().filter(begins).collect();
    nothing_to_complain(&complaints(&judged, |exercise| {
        let example = examples().join(exercise.lesson);
        if exercise.lesson == "20_tls" && !example.exists() {
            eprintln!("skipped: lesson 20 is built with --features tls only");
            return None;
        }
        let example = example.to_string_lossy().into_owned();
        match run(exercise, &Program::command(vec![example]), |_| {}) {
            Ok(report) if report.is_right() => {
                Some(format!("{} is solved", exercise.id))
            }
            Ok(_) => None,
            // Today it has not got the option that the exercise asks for.
            Err(why) if why.contains("has no option") => None,
            Err(why) => Some(format!("{}: no verdict: {why}", exercise.id)),
        }
    }));
}

#[test]
fn where_a_mistake_is_mended_or_all_is_new_the_lessons_own_program_is_right() {
    cargo(&["build", "--quiet", "--examples"]);
    let is_right =
        |it: &&Exercise| !matches!(it.begin, Begin::Lesson) && !it.promises.is_empty();
    let judged: Vec<&Exercise> = EXERCISES.iter().filter(is_right).collect();
    nothing_to_complain(&complaints(&judged, |exercise| {
        let example = examples().join(exercise.lesson).to_string_lossy().into_owned();
        match run(exercise, &Program::command(vec![example]), |_| {}) {
            Ok(report) if report.is_right() => None,
            Ok(report) => Some(format!("{}:\n{report}", exercise.id)),
            Err(why) => Some(format!("{}: no verdict: {why}", exercise.id)),
        }
    }));
}

#[test]
fn every_exercise_has_a_right_answer_and_wrong_ones_and_they_are_in_the_list() {
    let files = answers("rs");
    let list =
        fs::read_to_string(root().join("check/answers/main.rs")).expect("main.rs");
    for file in &files {
        let entry = format!("    {}\n", name(file));
        assert!(
            list.contains(&entry),
            "check/answers/main.rs does not list {}",
            name(file)
        );
    }
    for exercise in EXERCISES.iter().filter(|it| !it.promises.is_empty()) {
        let of_it: Vec<&PathBuf> =
            files.iter().filter(|path| exercise_of(path).id == exercise.id).collect();
        let wrong: Vec<String> =
            of_it.iter().filter_map(|path| promise_broken(path)).collect();
        let right = of_it.len() - wrong.len();
        let id = exercise.id;
        assert!(right >= 1, "{id} has no right answer");
        assert!(wrong.len() >= 2, "{id} has {} wrong answer(s)", wrong.len());
        let begins = of_it.iter().any(|path| name(path).ends_with("_as_it_begins"));
        let has_mistake = matches!(exercise.begin, Begin::Mistake(_));
        assert_eq!(begins, has_mistake, "{id}: what it begins with is a wrong answer");
        for promise in &wrong {
            let is_it = |it: &check::Promise| it.name == promise;
            assert!(
                exercise.promises.iter().any(is_it),
                "{id} has no promise {promise:?}"
            );
        }
    }
}

/// The exercises of a note: number and text, up to the next one.
fn exercises_of(note: &str) -> Vec<(String, String)> {
    let part = note.split_once("\n## Exercises\n").map_or("", |(_, rest)| rest);
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    let starts: Vec<usize> =
        part.match_indices("\n**").map(|(place, _)| place).collect();
    let numbered = starts.iter().filter_map(|start| {
        let text = &part[start + 3..];
        let (number, _) = text.split_once(". ")?;
        number.parse::<u8>().ok()?;
        Some((number.to_owned(), *start))
    });
    let numbered: Vec<(String, usize)> = numbered.collect();
    let end =
        |index: usize| numbered.get(index + 1).map_or(part.len(), |(_, start)| *start);
    numbered
        .iter()
        .enumerate()
        .map(|(index, (number, start))| {
            (number.clone(), part[*start..end(index)].to_owned())
        })
        .collect()
}

/// What a note says of an exercise that can be judged, and of one that is a question.
fn missing(exercise: &Exercise, text: &str) -> Option<String> {
    let (id, text) =
        (exercise.id, text.split_whitespace().collect::<Vec<_>>().join(" "));
    if exercise.promises.is_empty() {
        let answer = "<summary>Answer</summary>";
        return (!text.contains(answer))
            .then(|| format!("{id} is a question: it needs {answer}"));
    }
    let start = format!("`cargo run -p check -- start {id}`");
    let done = format!("*You are done when `cargo run -p check -- {id}` says so.*");
    [start, done]
        .into_iter()
        .find(|it| !text.contains(it))
        .map(|it| format!("{id} needs {it}"))
}

#[test]
fn every_exercise_stands_in_its_note_and_the_other_way_round() -> io::Result<()> {
    let mut complaints = Vec::new();
    let mut known = 0;
    for entry in fs::read_dir(root().join("lessons"))? {
        let path = entry?.path();
        let lesson = name(&path);
        if !lesson.as_bytes().iter().take(2).all(u8::is_ascii_digit) {
            continue;
        }
        let note = fs::read_to_string(&path)?.replace("\r\n", "\n");
        for (number, text) in exercises_of(&note) {
            let id = format!("{}.{number}", &lesson[..2]);
            let exercise = EXERCISES.iter().find(|it| it.id == id);
            match exercise.filter(|it| it.lesson == lesson) {
                Some(exercise) => {
                    known += 1;
                    complaints.extend(missing(exercise, &text));
                }
                None => complaints.push(format!(
                    "{id} is not in the list of check/src/exercises/mod.rs: add it, at least \
                     as a question"
                )),
            }
        }
    }
    if known < EXERCISES.len() {
        complaints
            .push("the checker knows an exercise that isn't in any note".to_owned());
    }
    nothing_to_complain(&complaints);
    Ok(())
}
