//! Lesson 08: names of threads, and the order of starts and joins.

use std::sync::mpsc::channel;

use super::course::drawings::{Lane, as_in_the_note, extent, printed};
use super::course::files::{read, root};
use super::course::programs::{python, run};
use super::*;

/// The names of the four threads.
const NAMES: [&str; 4] = ["north", "east", "south", "north-north-west"];

/// The place of a line in what was printed.
fn place(lines: &[String], line: &str) -> Result<usize, String> {
    let place = lines.iter().position(|printed| printed.trim() == line);
    place.ok_or(format!("no line `{line}` in {lines:#?}"))
}

#[cfg(target_os = "linux")]
#[test]
fn other_programs_see_the_first_fifteen_bytes_of_a_name() -> Outcome {
    let threads = |process: u32| -> io::Result<Vec<String>> {
        let mut names = vec![];
        for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
            // A thread that ends meanwhile has no name to read.
            let name = std::fs::read_to_string(thread?.path().join("comm"));
            names.extend(name.map(|name| name.trim_end().to_owned()));
        }
        Ok(names)
    };
    let program = Program::example("08_named_threads", &["--work", "500"])?;
    let mut missing =
        vec!["north", "east", "south", "north-north-wes", "08_named_thread"];
    let end = Instant::now() + DEADLINE;
    while !missing.is_empty() {
        assert!(Instant::now() < end, "never seen: {missing:?}");
        let seen =
            threads(program.id()).map_err(|_| format!("{missing:?} are missing"))?;
        missing.retain(|name| !seen.iter().any(|seen| seen == name));
        thread::sleep(Duration::from_millis(5)); // and look again
    }
    Ok(())
}

#[test]
fn starts_come_in_their_order_and_joins_after_the_last_start() -> Outcome {
    let lines = printed("08_named_threads", &["--work", "20"])?;
    let mut before = 0;
    for verb in ["starts", "joined"] {
        for name in NAMES {
            let now = place(&lines, &format!("{verb} {name}"))?;
            assert!(now >= before, "{lines:#?}");
            before = now;
        }
    }
    for name in NAMES {
        let ends = place(&lines, &format!("{name:6} | ends"))?;
        assert!(ends < place(&lines, &format!("joined {name}"))?, "{lines:#?}");
    }
    Ok(())
}

#[test]
fn join_waits_for_the_one_you_ask_for_and_not_for_the_first_to_end() -> Outcome {
    let lines = printed("08_named_threads", &["--work", "20", "--last-first"])?;
    let mut places = vec![];
    for name in NAMES {
        places.push(place(&lines, &format!("joined {name}"))?);
    }
    assert!(places.is_sorted_by(|left, right| left > right), "{lines:#?}");

    // The same without a clock: the first thread has ended, and the second one waits.
    let (end_first, first_ended) = channel();
    let (end_second, second_waits) = channel::<()>();
    let (tell, told) = channel();
    let first = thread::spawn(move || end_first.send(()));
    let second = thread::spawn(move || second_waits.recv());
    let joins = thread::spawn(move || {
        let _ = second.join().map(|_| tell.send("second"));
        let _ = first.join().map(|_| tell.send("first"));
    });
    first_ended.recv_timeout(DEADLINE)?;
    assert!(told.try_recv().is_err(), "joined one that still works, or the wrong one");
    end_second.send(())?;
    assert_eq!(told.recv_timeout(DEADLINE)?, "second");
    assert_eq!(told.recv_timeout(DEADLINE)?, "first");
    joins.join().map_err(|_| "panicked")?;
    Ok(())
}

#[test]
fn a_thread_begins_while_the_previous_one_still_works() -> Outcome {
    let overlap = |lanes: &[Lane]| {
        let shown = ["north", "east", "south", "north-north-west"];
        let shown = shown.map(|name| extent(lanes, name, "▓"));
        let lanes = shown.into_iter().collect::<Result<Vec<_>, _>>()?;
        let each = lanes.windows(2).all(|pair| pair[0][1] >= pair[1][0]);
        each.then_some(()).ok_or("no overlap".to_owned())
    };
    // They overlap for a tenth of their time, so a busy machine needs more time.
    if as_in_the_note("08_named_threads", &[], overlap).is_err() {
        as_in_the_note("08_named_threads", &["--work", "1500"], overlap)?;
    }
    Ok(())
}

#[test]
fn a_panic_names_its_thread_and_join_returns_an_error() -> Outcome {
    let lines = printed("08_named_threads", &["--work", "20", "--fail", "east"])?;
    place(&lines, "joined east, which panicked")?;
    place(&lines, "joined north-north-west")?;
    assert!(place(&lines, "east   | ends").is_err(), "{lines:#?}");
    // The note shows the message.
    let note = read(&root().join("lessons/08_named_threads.md"))?;
    let is_message = |line: &&String| line.starts_with("thread 'east'");
    let message = lines.iter().find(is_message).ok_or("no message")?;
    let (_, place_in_code) = message.split_once(" panicked at ").ok_or("no place")?;
    place(&lines, "no wind")?;
    for words in ["thread 'east'", place_in_code, "no wind"] {
        assert!(note.contains(words), "the note does not show `{words}`");
    }
    Ok(())
}

#[test]
fn a_misspelt_name_is_a_mistake() -> Outcome {
    let mut command = Command::new(example("08_named_threads"));
    command.args(["--fail", "nroth"]);
    let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("No thread is called `nroth`."), "{text}");
    assert!(text.contains("north-north-west"), "{text}");
    Ok(())
}

#[test]
fn pythons_join_does_not_report_an_exception() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg("lessons/python/08_named_threads.py");
    command.args(["--work", "20", "--fail", "east"]);
    let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    assert!(output.status.success(), "{text}");
    place(&lines, "AssertionError: no wind")?;
    place(&lines, "joined east")?;
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn python_tells_the_system_its_names_from_3_14_on() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let ask = "import sys; print(sys.version_info >= (3, 14))";
    let newer = Command::new(python).args(["-c", ask]).output()?.stdout;
    let mut command = Command::new(python);
    command.args(["lessons/python/08_named_threads.py", "--work", "20"]);
    let (output, _) = run(&mut command, Instant::now() + DEADLINE)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let told = text.contains("the system calls it south");
    assert_eq!(told, newer.starts_with(b"True"), "{text}");
    Ok(())
}

#[test]
fn a_receiver_notices_that_all_senders_are_gone() -> Outcome {
    let (sender, receiver) = channel::<&str>();
    let panics = {
        let sender = sender.clone();
        thread::spawn(move || {
            let _sender = sender;
            panic!("before it has sent anything");
        })
    };
    drop(sender); // `main`'s own: while it lives, a message could still come
    assert!(receiver.recv_timeout(DEADLINE).is_err_and(|error| {
        error == std::sync::mpsc::RecvTimeoutError::Disconnected
    }));
    assert!(panics.join().is_err());

    // [channel]
    let (sender, receiver) = channel(); // from std::sync::mpsc
    thread::spawn(move || sender.send("north has ended")); // it owns `sender`
    let news = receiver.recv()?; // waits for a message, or until no sender is left
    // [/channel]
    assert_eq!(news, "north has ended");
    Ok(())
}
