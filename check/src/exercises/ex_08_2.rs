//! 08.2: start the next thread when the previous one has ended.

use std::time::Duration;

use crate::broken::Broken;
use crate::program::{Program, Ran};
use crate::{Begin, Exercise, Promise};

pub(super) const EXERCISE: Exercise = Exercise {
    id: "08.2",
    title: "one after the other, without a join",
    lesson: "08_named_threads",
    begin: Begin::Lesson,
    promises: &[
        Promise {
            name: "each thread starts after the previous one has ended",
            test: order,
        },
        Promise { name: "even if there is nothing to do", test: no_work },
        Promise { name: "they are joined afterwards, in either order", test: joins },
        Promise { name: "a thread that panics holds nobody up", test: panics },
        Promise { name: "nor does the last one", test: last_panics },
    ],
};

const NAMES: [&str; 4] = ["north", "east", "south", "north-north-west"];

fn play(program: &Program, args: &[&str]) -> Result<Ran, Broken> {
    let ran = program.run(args, Duration::from_secs(12))?; // the lessons' watchdog has eight
    if ran.status.is_some_and(|status| status.success()) {
        return Ok(ran);
    }
    let last = ran.lines.last().map_or("nothing", |line| line);
    let thought = if args.contains(&"--fail") {
        "Does `main` wait for a word from a thread that has panicked? `recv` returns an error \
         when every sender is gone: who still holds one, and what do you do with the error?"
    } else {
        "Who waits for whom? Is there a sender left that nobody uses?"
    };
    let end = ran
        .status
        .map_or("it still ran after 12 seconds".to_owned(), |it| it.to_string());
    let error = ran.errors.first().map_or(String::new(), |line| format!("; {line}"));
    Err(Broken::new(thought)
        .sent(told(args))
        .expected("the program ends, with exit status 0")
        .received(format!("{end}; its last line: {last:?}{error}")))
}

fn told(args: &[&str]) -> String {
    if args.is_empty() { "no words".to_owned() } else { args.join(" ") }
}

/// The place of a line that ends like this, whichever thread prints it.
fn place(ran: &Ran, speaker: &str, words: &str) -> Option<usize> {
    ran.lines.iter().position(|line| {
        let (name, said) = line.split_once('|').unwrap_or(("", line));
        let is_main = name.trim().is_empty() || name.trim() == "main";
        let by = if speaker == "main" { is_main } else { name.trim() == speaker };
        by && (said.trim() == words || said.trim().starts_with(&format!("{words};")))
    })
}

/// Checks that these lines come, in this order.
fn in_order(
    ran: &Ran,
    args: &[&str],
    wanted: &[(&str, String)],
    thought: &str,
) -> Result<(), Broken> {
    let mut before: Option<usize> = None;
    for (speaker, words) in wanted {
        let found = place(ran, speaker, words);
        if found.is_none() || found < before {
            let lines: Vec<&str> = ran.lines.iter().map(|line| line.trim()).collect();
            let after =
                before.map_or(String::new(), |it| format!(" after {:?}", lines[it]));
            return Err(Broken::new(thought)
                .sent(told(args))
                .expected(format!("{words:?}, said by {speaker}{after}"))
                .received(format!("{lines:?}")));
        }
        before = found;
    }
    Ok(())
}

/// All four, one after the other; `fails` panics.
fn one_by_one(ran: &Ran, args: &[&str], fails: Option<&str>) -> Result<(), Broken> {
    let mut wanted = Vec::new();
    for name in NAMES {
        wanted.push(("main", format!("starts {name}")));
        wanted.push((name, "begins".to_owned()));
        if fails != Some(name) {
            wanted.push((name, "ends".to_owned()));
        }
    }
    let thought = "The next thread starts when the previous one has done its last act: \
        wait for that, before you say `starts`.";
    in_order(ran, args, &wanted, thought)
}

fn order(program: &Program) -> Result<(), Broken> {
    let args = ["--work", "50"];
    one_by_one(&play(program, &args)?, &args, None)
}

fn no_work(program: &Program) -> Result<(), Broken> {
    let args = ["--work", "0"];
    one_by_one(&play(program, &args)?, &args, None)
}

fn joins(program: &Program) -> Result<(), Broken> {
    for reverse in [false, true] {
        let args: &[&str] =
            if reverse { &["--work", "10", "--last-first"] } else { &["--work", "10"] };
        let ran = play(program, args)?;
        let mut names = NAMES;
        if reverse {
            names.reverse();
        }
        let mut wanted = vec![("north-north-west", "ends".to_owned())];
        wanted.extend(names.map(|name| ("main", format!("joined {name}"))));
        let thought = "The first loop starts all four and joins none. `join` comes afterwards, \
            for all of them.";
        in_order(&ran, args, &wanted, thought)?;
    }
    Ok(())
}

fn fails(program: &Program, name: &'static str) -> Result<(), Broken> {
    let args = ["--work", "10", "--fail", name];
    let ran = play(program, &args)?;
    one_by_one(&ran, &args, Some(name))?;
    let wanted = [("main", format!("joined {name}, which panicked"))];
    in_order(&ran, &args, &wanted, "The other three are started and joined as before.")
}

fn panics(program: &Program) -> Result<(), Broken> {
    fails(program, "north")?;
    fails(program, "east")
}

fn last_panics(program: &Program) -> Result<(), Broken> {
    fails(program, "north-north-west")
}
