//! Lesson 10: a lock held too long, and a lock held for one line.

use super::course::compiler::refuses;
use super::course::drawings::{
    Lane, as_in_the_note, as_in_the_picture, extent, printed,
};
use super::course::programs::{lanes, python};
use super::lesson_09::{
    odd_clients_cost_nothing, silent_clients_stop_nobody, two_hundred_at_once,
};
use super::*;

/// Starts a server that holds its lock as long as a client stays.
fn original(mut command: Command) -> Result<(Program, SocketAddr), String> {
    Program::server(command.args(["serve", "--original", "--addr", "127.0.0.1:0"]))
}

/// The second client gets no reply as long as the first one stays.
fn serialises((_server, addr): (Program, SocketAddr)) -> Outcome {
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"one")?, b"eno");
    let mut second = connect(addr)?;
    second.write_all(b"two")?;
    assert_eq!(echoed(&mut first, b"again")?, b"niaga");
    let mut answer = [0; 3];
    second.set_read_timeout(Some(Duration::from_millis(200)))?;
    let error =
        second.read(&mut answer).expect_err("a reply, while the first one stays");
    assert!(
        [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
        "{error}"
    );
    second.set_read_timeout(Some(DEADLINE))?;
    drop(first);
    second.read_exact(&mut answer)?;
    assert_eq!(&answer, b"owt");
    Ok(())
}

#[test]
fn lock_held_for_the_connection_serialises_clients() -> Outcome {
    serialises(original(Command::new(example("10_print_lock")))?)
}

#[test]
fn pythons_original_serialises_clients() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg("lessons/python/10_print_lock.py");
    serialises(original(command)?)
}

#[test]
fn lock_held_for_one_line_stops_nobody() -> Outcome {
    silent_clients_stop_nobody("10_print_lock")
}

#[test]
fn an_error_in_pythons_original_keeps_the_lock_forever() -> Outcome {
    let Some(python) = python() else { return Ok(()) };
    let mut command = Command::new(python);
    command.arg("lessons/python/10_print_lock.py");
    let (mut server, addr) = original(command)?;
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"one")?, b"eno");
    socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO))?;
    drop(first); // a reset: `recv` raises, and `release` is never called
    let end = Instant::now() + DEADLINE;
    while !server.line(end)?.ok_or("the server has ended")?.contains("ConnectionReset") {
    }
    let mut second = connect(addr)?;
    second.set_read_timeout(Some(Duration::from_millis(200)))?;
    second.write_all(b"two")?;
    assert!(second.read(&mut [0; 3]).is_err(), "the second client was answered");
    Ok(())
}

#[test]
fn the_original_built_in_rust_frees_its_lock_after_an_error() -> Outcome {
    let (_server, addr) = original(Command::new(example("10_print_lock")))?;
    let mut first = connect(addr)?;
    assert_eq!(echoed(&mut first, b"one")?, b"eno");
    socket2::SockRef::from(&first).set_linger(Some(Duration::ZERO))?;
    drop(first);
    assert_eq!(echoed(&mut connect(addr)?, b"two")?, b"owt");
    Ok(())
}

#[test]
fn numbers_and_lines_stay_together() -> Outcome {
    let (mut server, addr) = server("10_print_lock")?;
    thread::scope(|scope| -> Outcome {
        let clients: Vec<_> = (0..50)
            .map(|_| scope.spawn(move || echoed(&mut connect(addr)?, b"abc")))
            .collect();
        for client in clients {
            assert_eq!(client.join().map_err(|_| "panicked")??, b"cba");
        }
        Ok(())
    })?;
    // Fifty clients connected and fifty left; each of these lines has a number.
    let end = Instant::now() + DEADLINE;
    let mut number = 0;
    while number < 100 {
        let line = server.line(end)?.ok_or("the server has ended")?;
        if line.starts_with("line ") {
            number += 1;
            assert!(line.starts_with(&format!("line {number}: 127.0.0.1:")), "{line}");
        }
    }
    Ok(())
}

#[test]
fn a_guard_cannot_travel_to_another_thread() -> Outcome {
    refuses(
        "tests/aha/guard_travels.rs",
        "10_print_lock",
        &[
            "MutexGuard<'_, ()>` cannot be sent between threads safely",
            "required by a bound introduced by this call",
            "the trait `Send` is not implemented for",
            "required because it's used within this closure",
            "required by a bound in `spawn`",
        ],
    )?;
    Ok(())
}

#[test]
fn the_original_answers_one_client_after_the_other() -> Outcome {
    let lines = printed("10_print_lock", &[])?;
    let told = lines.iter().filter_map(|line| {
        let (speaker, text) = line.split_once(" | ")?;
        let text = text.rsplit(' ').next()?; // connected, left, or what was received
        Some((speaker.trim(), text))
    });
    let told: Vec<(&str, &str)> = told.take(9).collect();
    for (number, steps) in told.chunks(3).enumerate() {
        let thread = format!("original {}", number + 1);
        let [came, (client, answer), left] = steps else {
            return Err(format!("{lines:#?}").into());
        };
        assert_eq!(*came, (thread.as_str(), "connected"), "{lines:#?}");
        assert_eq!(client.chars().rev().collect::<String>(), *answer, "{lines:#?}");
        assert_eq!(*left, (thread.as_str(), "left"), "{lines:#?}");
    }
    Ok(())
}

#[test]
fn the_drawing_shows_stairs_and_then_lanes_side_by_side() -> Outcome {
    as_in_the_picture("10_print_lock")?;
    as_in_the_note("10_print_lock", &[], |lanes| {
        let stairs = extents(lanes, "original", "█")?;
        let beside = extents(lanes, "better", "▒█")?;
        // All have begun before one of them ends, and after the stairs.
        let last_begin = beside.iter().map(|[begin, _]| begin).max();
        let together = last_begin < beside.iter().map(|[_, end]| end).min();
        let after = beside[0][0] + 2 > stairs[2][1];
        (together && after).then_some(()).ok_or("not side by side".to_owned())
    })?;
    Ok(())
}

/// The three lanes of one of the two servers.
fn extents(lanes: &[Lane], kind: &str, fills: &str) -> Result<Vec<[usize; 2]>, String> {
    (1..=3).map(|number| extent(lanes, &format!("{kind} {number}"), fills)).collect()
}

#[test]
fn the_original_never_holds_its_lock_twice() -> Outcome {
    // In each run, a bar begins where the previous one ends (give or take a column).
    let lanes = lanes(&printed("10_print_lock", &["--timeline"])?);
    let stairs = extents(&lanes, "original", "█")?;
    for pair in stairs.windows(2) {
        assert!(pair[1][0] + 2 > pair[0][1], "{lanes:#?}");
    }
    // Meanwhile, the accept loop waits for the lock.
    let [begin, end] = extent(&lanes, "accept", "░")?;
    assert!(begin <= stairs[0][1] && end + 2 > stairs[1][1], "{lanes:#?}");
    Ok(())
}

#[test]
fn two_hundred_clients_of_the_print_lock_server() -> Outcome {
    two_hundred_at_once("10_print_lock")
}

#[test]
fn an_odd_client_does_not_disturb_the_print_lock_server() -> Outcome {
    odd_clients_cost_nothing("10_print_lock")
}
