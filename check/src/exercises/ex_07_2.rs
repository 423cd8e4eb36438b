//! 07.2: which rocket was the slowest?

use std::thread;
use std::time::Duration;

use crate::broken::Broken;
use crate::{Begin, Exercise, Program, Promise, one_of_three};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "07.2",
    title: "the slowest rocket",
    lesson: "07_lift_off",
    begin: Begin::Lesson,
    promises: &[
        Promise { name: "a slow rocket from a function is found", test: function },
        Promise { name: "a slow rocket from a struct is found", test: from_struct },
        Promise { name: "each of the seven can be the slowest", test: each },
    ],
};

/// The rocket with this number ticks ten times as slowly. Which one does `main` name?
fn slowest(program: &Program, number: usize) -> Result<(), Broken> {
    one_of_three(|| launch(program, number))
}

fn launch(program: &Program, number: usize) -> Result<(), Broken> {
    let slow = number.to_string();
    let args = ["--tick", "40", "--count", "2", "--slow", &slow];
    let ran = program.run(&args, Duration::from_secs(15))?;
    let wanted = format!("the slowest was rocket {number}");
    let named = ran.lines.iter().rfind(|line| line.contains("the slowest was"));
    if named.is_some_and(|line| line.ends_with(&wanted)) {
        return Ok(());
    }
    let ended = ran
        .status
        .map_or("it still ran after 15 seconds".to_owned(), |it| it.to_string());
    let last = named.or(ran.errors.first()).or(ran.lines.last());
    Err(Broken::new(match named {
        None => "After all have been joined, `main` says which one took longest.",
        Some(_) => {
            "Who measures the time: each rocket its own, from its first line to its last, or `main` \
             while it waits in `join`? And which of the seven does `main` look at?"
        }
    })
    .sent(args.join(" "))
    .expected(format!("a line that ends in {wanted:?}"))
    .received(last.map_or(ended, |line| format!("{line:?}"))))
}

fn function(program: &Program) -> Result<(), Broken> {
    slowest(program, 2)
}

fn from_struct(program: &Program) -> Result<(), Broken> {
    slowest(program, 6)
}

fn each(program: &Program) -> Result<(), Broken> {
    let runs: Vec<Result<(), Broken>> = thread::scope(|scope| {
        let runs: Vec<_> = (1..=7)
            .map(|number| scope.spawn(move || slowest(program, number)))
            .collect();
        runs.into_iter().filter_map(|run| run.join().ok()).collect()
    });
    runs.into_iter().collect()
}
