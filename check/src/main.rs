//! Says whether an exercise of the course is solved, promise by promise.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use check::{EXERCISES, Exercise, Language, Program};
use check::{list, note_down, root, run, show, start};

const USAGE: &str = "\
cargo run -p check                every exercise, and how far you are
cargo run -p check -- start 09.2  a copy of the lesson's program, to change
cargo run -p check -- 09.2        is your solution right?

With --python at the end, the last two work with the lesson's Python program
and your copy of it. A solution in any other language:

cargo run -p check -- 09.2 -- node my.js

It is started with `serve --addr 127.0.0.1:0` after your words (or `client
--addr ADDRESS`, or what the exercise says), and a server must print
`listening on 127.0.0.1:PORT`. Name the program itself: `cargo run` or a script
would be stopped, and your server would go on.

Exit status: 0 right, 1 not yet, 2 no verdict (it doesn't compile, or there is
no such exercise).";

/// What shows all that.
const HELP: &str = "See all ways to use it: cargo run -p check -- --help";

fn main() -> ExitCode {
    let words: Result<Vec<String>, OsString> =
        env::args_os().skip(1).map(OsString::into_string).collect();
    let done = words.map_err(|word| not_utf_8(&word)).and_then(command);
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            let _ = writeln!(io::stderr(), "{why}");
            ExitCode::from(2)
        }
    }
}

fn not_utf_8(word: &OsString) -> String {
    let word = word.to_string_lossy();
    format!(
        "`{word}` is not UTF-8.\nGive your program a name that is, and type it again."
    )
}

/// Does what the words ask for. Returns whether everything is right.
fn command(mut words: Vec<String>) -> Result<bool, String> {
    let program = words.iter().position(|word| word == "--").map(|place| {
        let program = words.split_off(place);
        program[1..].to_vec()
    });
    if words.iter().any(|word| word == "--help" || word == "-h") {
        show(format_args!("{USAGE}"));
        return Ok(true);
    }
    let count = words.len();
    words.retain(|word| word != "--python");
    let language = if words.len() < count { Language::Python } else { Language::Rust };
    let is_python = language == Language::Python;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match (&words[..], program) {
        ([word, ..] | [_, word, ..], _) if word.starts_with('-') => {
            Err(format!("`check` has no option `{word}`.\n{HELP}"))
        }
        ([] | ["list"], None) if is_python => {
            Err("--python needs an exercise, as in `-- 09.2 --python`.\n".to_owned()
                + HELP)
        }
        ([] | ["list"], None) => list(&root()),
        (["start"], None) => {
            Err("`start` needs an exercise, as in `-- start 09.2`.\n".to_owned() + HELP)
        }
        (["start", id], None) => start(&root(), find(id)?, language),
        ([id], None) => judge(find(id)?, &Program::mine(find(id)?, language)?),
        ([_], Some(_)) if is_python => Err(format!(
            "--python is for your copy of the lesson's program. For another program, leave \
             it out.\n{HELP}"
        )),
        ([_], Some(program)) if program.is_empty() => {
            Err("After `--` comes your program, as in `-- 09.2 -- node my.js`.\n"
                .to_owned()
                + HELP)
        }
        ([id], Some(program)) => judge(find(id)?, &Program::command(program)),
        _ => Err(format!("`check` doesn't understand `{}`.\n{HELP}", words.join(" "))),
    }
}

fn find(id: &str) -> Result<&'static Exercise, String> {
    let is_it =
        |exercise: &&Exercise| exercise.id == id || exercise.id == format!("0{id}");
    let exercise = EXERCISES.iter().find(is_it).ok_or_else(|| {
        format!(
            "There is no exercise `{id}`. Write the lesson's number, a dot, and the \
             exercise's\nnumber, as in 09.2. See them all: cargo run -p check"
        )
    })?;
    if exercise.promises.is_empty() {
        let note = exercise.note();
        return Err(format!(
            "{} is a question, and a program can't judge the answer.\n{note} gives it, \
             below the hint.",
            exercise.id
        ));
    }
    Ok(exercise)
}

fn judge(exercise: &Exercise, program: &Program) -> Result<bool, String> {
    show(format_args!("{} {}: {program}", exercise.id, exercise.title));
    let report = run(exercise, program, |kept| show(format_args!("  yes  {kept}")))?;
    show(format_args!("{report}"));
    note_down(&root(), exercise, &report);
    Ok(report.is_right())
}
