//! The checker is right about right answers, and about wrong ones for the right reason;
//! each exercise is in its note, and each of a note's exercises is known to the checker.
//!
//! `cargo test -p check -- --ignored` judges them all. `ROUNDS=10` before it judges
//! each answer ten times, `ONLY=09.2` those of one exercise, and `TIMES=1` (with `--nocapture`
//! at the end) says how long each one took.

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

/// An answer, and what its first line says of it.
struct Answer {
    /// `ex_09_2_right`, say.
    name: String,
    /// The promise that it breaks; `None` if it is right.
    breaks: Option<String>,
    command: Vec<String>,
}

impl Answer {
    fn new(name: &str, first: &str, command: Vec<String>) -> Self {
        let breaks = match first.split_once("WRONG: ") {
            Some((_, promise)) => Some(promise.to_owned()),
            None if first.ends_with("RIGHT") => None,
            None => panic!("{name}: the first line says neither RIGHT nor WRONG"),
        };
        Self { name: name.to_owned(), breaks, command }
    }

    /// The exercise that `ex_09_2_right` answers.
    fn exercise(&self) -> &'static Exercise {
        let of = |it: &&Exercise| {
            self.name.starts_with(&format!("ex_{}_", it.id.replace('.', "_")))
        };
        let exercise = EXERCISES.iter().find(of);
        exercise.unwrap_or_else(|| panic!("{} answers no exercise", self.name))
    }
}

/// The answers in Rust. They are one program, which lists them.
fn answers() -> Vec<Answer> {
    cargo(&["build", "--quiet", "-p", "answers", "--example", "answers"]);
    let program = examples().join("answers").to_string_lossy().into_owned();
    let list = Command::new(&program).output().expect("a list of answers").stdout;
    let list = String::from_utf8(list).expect("UTF-8");
    let answers = list.lines().filter_map(|line| line.split_once(' '));
    let of = |name: &str| vec![program.clone(), name.to_owned()];
    // The longest ones first.
    answers.map(|(name, first)| Answer::new(name, first, of(name))).rev().collect()
}

/// The answers in Python.
fn answers_in_python(python: &str) -> Vec<Answer> {
    let folder =
        fs::read_dir(root().join("check/answers")).expect("a folder of answers");
    let paths = folder.map(|entry| entry.expect("an answer").path());
    let answers = paths.filter(|path| path.extension().is_some_and(|it| it == "py"));
    let answer = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("an answer");
        let command = vec![python.to_owned(), path.to_string_lossy().into_owned()];
        Answer::new(&name(&path), text.lines().next().unwrap_or_default(), command)
    };
    answers.map(answer).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is wrong with the judgement of one answer.
fn complaint(answer: &Answer) -> Option<String> {
    let Answer { name, breaks, command } = answer;
    let begin = Instant::now();
    let report = run(answer.exercise(), &Program::command(command.clone()), |_| {});
    if env::var("TIMES").is_ok() {
        println!("{:6.1} s  {name}", begin.elapsed().as_secs_f64());
    }
    let report: Report = match report {
        Ok(report) => report,
        Err(why) => return Some(format!("{name}: no verdict: {why}")),
    };
    let broken = report.broken().map(|(promise, _)| promise.to_owned());
    if broken != *breaks {
        return Some(format!(
            "{name} breaks {breaks:?}, the checker says {broken:?}:\n{report}"
        ));
    }
    let unhelpful = report.broken().is_some_and(|(_, broken)| !broken.is_helpful());
    unhelpful.then(|| format!("{name}: too little to help:\n{report}"))
}

/// Judges them all, as often as `ROUNDS` says; only those of one exercise, where
/// `ONLY=09.2` asks for that.
fn judge_all(mut answers: Vec<Answer>) {
    if let Ok(id) = env::var("ONLY") {
        answers.retain(|answer| answer.exercise().id == id);
    }
    let rounds = env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for _ in 0..rounds.unwrap_or(1) {
        nothing_to_complain(&complaints(&answers, complaint));
    }
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
#[ignore = "takes half a minute; `.ci/run` runs it"]
fn every_answer_is_judged_as_its_first_line_says() {
    judge_all(answers());
}

#[test]
#[ignore = "takes half a minute; `.ci/run` runs it"]
fn every_answer_in_python_is_judged_as_its_first_line_says() {
    let python = if cfg!(windows) { "python" } else { "python3" };
    if Command::new(python).arg("--version").output().is_err() {
        eprintln!("skipped: there is no Python");
        return;
    }
    judge_all(answers_in_python(python));
}

#[test]
#[ignore = "takes half a minute; `.ci/run` runs it"]
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
#[ignore = "takes half a minute; `.ci/run` runs it"]
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
fn every_exercise_has_a_right_answer_and_wrong_ones() {
    let answers = answers();
    for exercise in EXERCISES.iter().filter(|it| !it.promises.is_empty()) {
        let of_it: Vec<&Answer> = answers
            .iter()
            .filter(|answer| answer.exercise().id == exercise.id)
            .collect();
        let wrong: Vec<&String> =
            of_it.iter().filter_map(|answer| answer.breaks.as_ref()).collect();
        let right = of_it.len() - wrong.len();
        let id = exercise.id;
        assert!(right >= 1, "{id} has no right answer");
        assert!(wrong.len() >= 2, "{id} has {} wrong answer(s)", wrong.len());
        let begins = of_it.iter().any(|answer| answer.name.ends_with("_as_it_begins"));
        let has_mistake = matches!(exercise.begin, Begin::Mistake(_));
        assert_eq!(begins, has_mistake, "{id}: what it begins with is a wrong answer");
        for promise in wrong {
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
