//! Says whether an exercise of the course is solved, promise by promise.

use std::env;
use std::process::ExitCode;

use check::{EXERCISES, Exercise, Language, Program, list, note_down, root, run, start};

const USAGE: &str = "\
cargo run -p check                         every exercise, and how far you are
cargo run -p check -- start 09.2           a copy of the lesson's program, for you to change
cargo run -p check -- 09.2                 is your solution right?

With --python at the end, both work with the lesson's Python program and your copy of it.
A solution in any other language: cargo run -p check -- 09.2 -- node my.js
It is started with `serve --addr 127.0.0.1:0` after your words (or `client --addr ADDRESS`,
or what the exercise says), and a server must print `listening on 127.0.0.1:PORT`. Name
the program itself: `cargo run` or a script would be stopped, and your server would go on.

Exit status: 0 right, 1 not yet, 2 no verdict (it doesn't compile, there is no such exercise).";

fn main() -> ExitCode {
    let done = command(env::args().skip(1).collect());
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// Does what the words ask for. Returns whether everything is right.
fn command(mut words: Vec<String>) -> Result<bool, String> {
    let program = words.iter().position(|word| word == "--").map(|place| {
        let program = words.split_off(place);
        program[1..].to_vec()
    });
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return Ok(true);
    }
    let count = words.len();
    words.retain(|word| word != "--python");
    let language = if words.len() < count { Language::Python } else { Language::Rust };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (&words[..], program) {
        ([] | ["list"], None) => list(&root()),
        (["start", id], None) => start(&root(), find(id)?, language),
        ([id], None) => judge(find(id)?, &Program::mine(find(id)?, language)?),
        ([id], Some(program)) if !program.is_empty() => {
            judge(find(id)?, &Program::command(program))
        }
        _ => Err(format!("`check` doesn't understand these words.\n\n{USAGE}")),
    }
}

fn find(id: &str) -> Result<&'static Exercise, String> {
    let exercise =
        EXERCISES.iter().find(|exercise| exercise.id == id).ok_or_else(|| {
            format!(
                "There is no exercise `{id}`: write the lesson's number, a dot, and the \
             exercise's number, as in 09.2.\nSee them all: cargo run -p check"
            )
        })?;
    if exercise.promises.is_empty() {
        let note = exercise.note();
        return Err(format!(
            "{id} is a question, and a program can't judge the answer.\n{note} gives it, \
             below the hint."
        ));
    }
    Ok(exercise)
}

fn judge(exercise: &Exercise, program: &Program) -> Result<bool, String> {
    println!("{} {}: {program}", exercise.id, exercise.title);
    let report = run(exercise, program, |kept| println!("  yes  {kept}"))?;
    println!("{report}");
    note_down(&root(), exercise, &report);
    Ok(report.is_right())
}
