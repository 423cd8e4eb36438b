//! Lesson 07: threads, and what happens to them.

use super::course::compiler::refuses;
use super::course::drawings::{as_in_the_note, as_in_the_picture, extent, printed};
use super::course::programs::{python, run};
use super::*;

/// Only the lines that rockets print.
fn counts(lines: &[String]) -> Vec<(&str, &str)> {
    lines.iter().filter_map(|line| line.split_once(" | ")).collect()
}

#[test]
fn each_thread_counts_in_order_and_no_order_holds_between_threads() -> Outcome {
    let lines = printed("07_lift_off", &[])?;
    let counts = counts(&lines);
    assert_eq!(counts.len(), 21, "{lines:?}");
    for number in 1..=7 {
        let rocket = format!("rocket {number}");
        let own = counts.iter().filter(|(name, _)| *name == rocket).map(|(_, n)| *n);
        assert_eq!(own.collect::<Vec<_>>(), ["3", "2", "1"], "{rocket}");
    }
    // Each of them counts while the others count.
    let first_one =
        counts.iter().position(|(_, n)| *n == "1").ok_or("no rocket says 1")?;
    assert!(first_one >= 3, "the first rocket was done before another began: {lines:?}");
    Ok(())
}

#[test]
fn join_waits_for_all_seven() -> Outcome {
    let lines = printed("07_lift_off", &[])?;
    let end = lines.iter().position(|line| line.contains("seven threads have ended"));
    let after = &lines[end.ok_or("main did not join")?..];
    assert_eq!(counts(after), [], "{lines:?}");
    assert_eq!(lines.last().map(|line| line.trim()), Some("main returns"));
    Ok(())
}

#[test]
fn main_does_not_wait_for_its_threads() -> Outcome {
    // The first number comes after two seconds; the process is gone long before.
    let begin = Instant::now();
    let lines = printed("07_lift_off", &["--no-join", "--tick", "2000"])?;
    assert_eq!(counts(&lines), [], "after {:?}", begin.elapsed());
    assert_eq!(lines.last().map(|line| line.trim()), Some("main returns"));
    Ok(())
}

#[test]
fn python_waits_for_its_threads() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    for (args, count) in [(&["--no-join"][..], 21), (&["--no-join", "--daemon"], 0)] {
        let mut command = Command::new(python);
        command.arg("lessons/python/07_lift_off.py").args(args);
        // Enough time for `main` to return before a thread prints its last number.
        command.args(["--tick", if count == 0 { "2000" } else { "300" }]);
        let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        assert_eq!(counts(&lines).len(), count, "{args:?}: {text}");
        let returned = text.find("main returns").ok_or("no `main returns`")?;
        assert!(text.find(" | 1").is_none_or(|one| returned < one), "{text}");
    }
    Ok(())
}

#[test]
fn a_thread_cannot_borrow_from_the_function_that_starts_it() -> Outcome {
    refuses(
        "tests/aha/borrowed_count.rs",
        "07_lift_off",
        &[
            "closure may outlive the current function, but it borrows `count`",
            "`count` is borrowed here",
            "to force the closure to take ownership of `count`",
            "use the `move` keyword",
        ],
    )?;
    Ok(())
}

#[test]
fn seven_rockets_count_side_by_side() -> Outcome {
    as_in_the_picture("07_lift_off")?;
    as_in_the_note("07_lift_off", &["--tick", "100"], |lanes| {
        let rockets =
            (1..=7).map(|number| extent(lanes, &format!("rocket {number}"), "▓"));
        let rockets: Vec<[usize; 2]> = rockets.collect::<Result<_, _>>()?;
        let last_begin = rockets.iter().map(|[begin, _]| begin).max();
        if last_begin >= rockets.iter().map(|[_, end]| end).min() {
            return Err("one begins when another has ended".to_owned());
        }
        // `main` waits until the last one is done.
        let [_, end] = extent(lanes, "main", "·")?;
        let all = rockets.iter().all(|[_, done]| *done <= end);
        all.then_some(()).ok_or("main does not wait for all".to_owned())
    })?;
    Ok(())
}
